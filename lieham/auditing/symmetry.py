"""Does it have the symmetry: finite moves, Lie derivatives, net force and torque, brackets with every charge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from lieham.auditing.configurations import Motions, Scale, Symmetry, algebra, motions, moved, states
from lieham.auditing.report import BROKEN, ON_AVERAGE, Check, judged
from lieham.auditing.subject import Subject
from lieham.groups import Group
from lieham.typing import Tensor

DRAWS = 64
"""Random draws of a sampled lift over which an error must vanish on average."""
CLIMBERS, CHILDREN, ROUNDS = 8, 8, 20
"""The search keeps so many of the worst inputs, tries so many changes of each, so many times."""


def invariance(
    subject: Subject, symmetry: Symmetry, scale: Scale, tolerance: float, moves: int, generator: torch.Generator
) -> Check:
    """|f(g·x) − f(x)| (for a force |F(g·x) − g·F(x)|) over random and searched configurations and motions."""
    found: list[tuple[Tensor, ...]] = []
    for start in range(0, moves, 256):
        count = min(256, moves - start)
        q, p = states(subject, count, generator)
        found.append(_keep(subject, symmetry, scale, q, p, algebra(symmetry, subject, count, generator)))
    best = _worst(found)
    for k in range(ROUNDS):
        if best[0][0] > 1e6 * tolerance:
            break
        best = _worst([best, _climb(subject, symmetry, scale, best, 0.5 * 0.8**k, generator)])
    _, q, p, a = best
    worst, move = best[0][0].item(), motions(symmetry, a, subject.dtype)[torch.tensor([0])]
    name = "equivariance" if subject.kind == "force" else "invariance"
    detail = f"|f(g·x) - f(x)| over its scale, {symmetry}, {moves + ROUNDS * CLIMBERS * CHILDREN} moves"
    at = {"q": q[0], "p": None if p is None else p[0], "move": move.A[0], "shift": move.b[0]}
    made = judged(name, worst, tolerance, detail, **at)
    q, p = states(subject, 16, generator)
    a = algebra(symmetry, subject, 16, generator)
    return _on_average(made, subject, lambda: _difference(subject, symmetry, q, p, a), generator)


def _difference(subject: Subject, symmetry: Symmetry, q: Tensor, p: Tensor | None, a: Tensor) -> Tensor:
    move = motions(symmetry, a, subject.dtype)
    before = subject(q, p)
    before = move.covectors(before) if subject.kind == "force" else before
    return subject(*moved(subject, move, q, p)) - before


def _keep(subject: Subject, symmetry: Symmetry, scale: Scale, q: Tensor, p: Tensor | None, a: Tensor) -> tuple:
    """The worst inputs of a batch: relative errors, configurations, algebra vectors."""
    with torch.no_grad():
        error = _difference(subject, symmetry, q, p, a).abs()
    error = error.amax((1, 2)) if error.ndim == 3 else error
    far = motions(symmetry, a, subject.dtype)
    size = scale.condition(subject, q, p, far.b.norm(dim=1) + _stretch(far, q))
    ratio = _finite(error / size)
    order = ratio.argsort(descending=True)[:CLIMBERS]
    return ratio[order], q[order], None if p is None else p[order], a[order]


def _stretch(move: Motions, q: Tensor) -> Tensor:
    """How far out a configuration is after the linear part of a motion."""
    return (q @ move.A.mT).norm(dim=-1).amax(1)


def _finite(ratio: Tensor) -> Tensor:
    """Configurations where the function is not finite are no evidence."""
    return torch.where(torch.isfinite(ratio), ratio, torch.zeros_like(ratio))


def _worst(found: list[tuple]) -> tuple:
    ratio, q, a = (torch.cat([x[k] for x in found]) for k in (0, 1, 3))
    p = None if found[0][2] is None else torch.cat([x[2] for x in found])
    order = ratio.argsort(descending=True)[:CLIMBERS]
    return ratio[order], q[order], None if p is None else p[order], a[order]


def _climb(subject: Subject, symmetry: Symmetry, scale: Scale, best: tuple, size: float, generator) -> tuple:
    def near(x: Tensor | None, unit: float) -> Tensor | None:
        if x is None:
            return None
        x = x.repeat_interleave(CHILDREN, 0)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype)
        return x + size * unit * noise

    _, q, p, a = best
    children = near(q, subject.length), near(p, subject.momentum), near(a, 1.0)
    return _keep(subject, symmetry, scale, *children)


def _on_average(made: Check, subject: Subject, error: Callable[[], Tensor], generator: torch.Generator) -> Check:
    """ "In distribution" in place of "broken" where the mean over draws is 0 within 5 standard errors everywhere."""
    if made.verdict != BROKEN or subject.redraw is None:
        return made
    samples = []
    for _ in range(DRAWS):
        subject.redraw(generator)
        with torch.no_grad():
            samples.append(error().detach().flatten())
    stacked = torch.stack(samples)
    deviation = stacked.std(0) / DRAWS**0.5
    mean = stacked.mean(0).abs()
    unbiased = bool((mean <= 5 * deviation + 1e-12 * stacked.abs().amax()).all())
    detail = f"{made.detail}; mean over {DRAWS} draws {'is 0' if unbiased else 'is not 0'} within its error"
    verdict = ON_AVERAGE if unbiased else BROKEN
    return replace(made, verdict=verdict, detail=detail)


def lie_derivative(
    subject: Subject, symmetry: Symmetry, scale: Scale, tolerance: float, generator: torch.Generator
) -> Check:
    """d/dε f(exp(ε ξ)·x) at 0 by forward mode, for every generator ξ; for a force d/dε (g⁻¹·F(g·x))."""
    q, p = states(subject, 64, generator)
    generators = zip(*symmetry.group.generators(subject.dtype), strict=True)
    errors = torch.stack([_derivative(subject, q, p, A, b).abs() for A, b in generators])
    errors = errors.amax((2, 3)) if errors.ndim == 4 else errors
    reach = torch.ones(len(q), dtype=q.dtype) * subject.length
    ratio = _finite(errors / scale.condition(subject, q, p, reach))
    k = ratio.amax(0).argmax()
    return judged("Lie derivative", ratio.max().item(), tolerance, "|d/dε f(exp(εξ)·x)| over its scale", q=q[k])


def _derivative(subject: Subject, q: Tensor, p: Tensor | None, A: Tensor, b: Tensor) -> Tensor:
    inputs = subject.expanded(len(q))
    along = {"scalar": lambda x: torch.zeros_like(x), "vector": lambda x: x @ A.mT, "covector": lambda x: -x @ A}
    along["point"] = lambda x: x @ A.mT + b
    names = list(inputs)
    values = [q, *([p] if p is not None else []), *inputs.values()]
    tangents = [q @ A.mT + b, *([-p @ A] if p is not None else [])]
    tangents += [along[subject.moves[name]](inputs[name]) for name in names]

    def function(*x: Tensor) -> Tensor:
        k = 2 if p is not None else 1
        return subject(x[0], x[1] if k == 2 else None, dict(zip(names, x[k:], strict=True)))

    try:
        value, slope = torch.func.jvp(function, tuple(values), tuple(tangents))
    except (RuntimeError, NotImplementedError):
        value, slope = torch.autograd.functional.jvp(function, tuple(values), tuple(tangents))
    return (slope + value @ A if subject.kind == "force" else slope).detach()


def charges(
    subject: Subject, symmetry: Symmetry, scale: Scale, tolerance: float, generator: torch.Generator
) -> Iterator[Check]:
    """Σ_i F_i = 0 and Σ_i F_i·(A q_i) = 0 for the generators that are declared, and {H, J} for every charge.

    {H, J} = ∂H/∂q · (A q + b) − ∂H/∂p · Aᵀp for J = Σ p·(A q + b), relative to the sum of the sizes of its terms; of a
    V or a force, H = Σ|p|²/2m + V. A charge whose motion is no isometry changes K: it is looked at, and not declared.
    """
    group = symmetry.group
    q, p = states(subject, 64, generator)
    if p is None:
        p = torch.randn(q.shape, generator=generator, dtype=torch.float64).to(q.dtype)
    A, _ = group.generators(subject.dtype)
    turning, kept = (A.abs().sum((1, 2)) > 0).tolist(), group.isometries.tolist()
    if subject.separable:
        for name, wanted in (("net force", False), ("net torque", True)):
            rows = [k for k, turns in enumerate(turning) if turns == wanted and kept[k]]
            if rows:
                yield _vanishing(name, "|Σ F·ξ| / Σ|F||ξ|", subject, _work, group, rows, (q, p), tolerance, generator)
    for k, charge in enumerate(group.charges):
        detail = "|{H, J}| over its terms" + ("" if kept[k] else ": its motion changes K")
        made = _vanishing(f"{{H, {charge}}}", detail, subject, _bracket, group, [k], (q, p), tolerance, generator)
        yield replace(made, declared=kept[k])


def _work(subject: Subject, q: Tensor, p: Tensor, A: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_i F_i · (A_k q_i + b_k) and the sum of the sizes of its terms, (b, k)."""
    force = subject.force(q, p if subject.kind == "H" else None)
    motion = torch.einsum("kij,bnj->bkni", A, q) + b[:, None]
    terms = (force[:, None] * motion).sum(-1)
    return terms.sum(-1), (force.norm(dim=-1)[:, None] * motion.norm(dim=-1)).sum(-1)


def _bracket(subject: Subject, q: Tensor, p: Tensor, A: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if subject.kind == "H":
        dq, dp = subject.gradients(q, p)
    else:
        mass = subject.expanded(len(q)).get("mass", torch.ones_like(q[..., 0]))
        dq, dp = -subject.force(q), p / mass[..., None]
    motion = torch.einsum("kij,bnj->bkni", A, q) + b[:, None]
    lifted = torch.einsum("kji,bnj->bkni", A, p)
    terms = dq[:, None] * motion, dp[:, None] * lifted
    size = (dq.norm(dim=-1)[:, None] * motion.norm(dim=-1) + dp.norm(dim=-1)[:, None] * lifted.norm(dim=-1)).sum(-1)
    return (terms[0] - terms[1]).sum((-1, -2)), size


def _vanishing(
    name: str, detail: str, subject: Subject, terms: Callable, group: Group, rows: list[int],
    state: tuple[Tensor, Tensor], tolerance: float, generator: torch.Generator,
) -> Check:  # fmt: skip
    """That the sums of these generators' terms are round-off of the sizes of the terms."""
    (q, p), (A, b) = state, group.generators(subject.dtype)
    value, size = terms(subject, q, p, A, b)
    ratio = _finite(value[:, rows].abs() / size[:, rows].clamp(min=1e-300)).amax(1)
    k = ratio.argmax()
    made = judged(name, ratio.max().item(), tolerance, detail, q=q[k], p=p[k] if subject.kind == "H" else None)
    return _on_average(made, subject, lambda: terms(subject, q[:16], p[:16], A, b)[0][:, rows], generator)
