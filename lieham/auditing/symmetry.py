"""These checks of infinitesimal motions take Lie derivatives, net force and torque, and the brackets of H."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from lieham.auditing.configurations import Scale, states
from lieham.auditing.invariance import averaged, finite
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject
from lieham.groups import Group
from lieham.typing import Tensor


def lie_derivative(subject: Subject, group: Group, scale: Scale, tolerance: float, generator: torch.Generator) -> Check:
    """Differentiate f along every generator ξ by forward mode, which must give 0.

    The derivative is d/dε f(exp(ε ξ)·x) at ε = 0, or d/dε (g⁻¹·F(g·x)) for a force.

    Args:
        subject: what is audited.
        group: the symmetry declared.
        scale: the size of its values.
        tolerance: largest derivative, relative to the condition of f.
        generator: draws 64 states.
    """
    q, p = states(subject, 64, generator)
    A, b = group.generators(subject.dtype)
    errors = torch.stack([_derivative(subject, q, p, A[k], b[k]).abs() for k in range(len(A))])
    errors = errors.amax((2, 3)) if errors.ndim == 4 else errors
    reach = torch.ones(len(q), dtype=q.dtype) * subject.length
    ratio = finite(errors / scale.condition(subject, q, p, reach))
    k = ratio.amax(0).argmax()
    return judged("Lie derivative", ratio.max().item(), tolerance, "|d/dε f(exp(εξ)·x)| over its scale", q=q[k])


def _derivative(subject: Subject, q: Tensor, p: Tensor | None, A: Tensor, b: Tensor) -> Tensor:
    """Return the derivative along one generator, with side inputs moved like everything else."""
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
        value, slope = torch.func.jvp(function, tuple(values), tuple(tangents))[:2]
    except (RuntimeError, NotImplementedError):
        value, slope = torch.autograd.functional.jvp(function, tuple(values), tuple(tangents))
    return (slope + value @ A if subject.kind == "force" else slope).detach()


def charges(subject: Subject, group: Group, tolerance: float, generator: torch.Generator) -> Iterator[Check]:
    """Check that forces do no net work along a symmetry, and that the bracket of H with every charge vanishes.

    For the generators that keep lengths, Σ_i F_i = 0 and Σ_i F_i·(A q_i) = 0. For every generator, {H, J} = ∂H/∂q · (A
    q + b) − ∂H/∂p · Aᵀp = 0 with J = Σ p·(A q + b). Each sum is relative to the sum of the sizes of its terms. For a V
    or a force, H = Σ|p|²/2m + V. A charge whose motion changes K is examined, but does not count as declared.

    Args:
        subject: what is audited; its side inputs must not move.
        group: the symmetry declared.
        tolerance: largest sum, relative to the sizes of its terms.
        generator: draws 64 states.
    """
    q, p = states(subject, 64, generator)
    if p is None:
        p = torch.randn(q.shape, generator=generator, dtype=torch.float64).to(q.dtype)
    where = _Place(subject, group, (q, p), tolerance, generator)
    A, _ = group.generators(subject.dtype)
    turning, rigid = (A.abs().sum((1, 2)) > 0).tolist(), group.isometries.tolist()
    kept = subject.shares(group).tolist()
    if subject.separable:
        for name, wanted in (("net force", False), ("net torque", True)):
            rows = [k for k, turns in enumerate(turning) if turns == wanted and rigid[k]]
            if rows:
                yield where.vanishes(name, "|Σ F·ξ| / Σ|F||ξ|", _work, rows)
    for k, charge in enumerate(group.charges):
        detail = "|{H, J}| over its terms" + ("" if kept[k] else ": its motion changes K")
        yield replace(where.vanishes(f"{{H, {charge}}}", detail, _bracket, [k]), declared=kept[k])


def _work(subject: Subject, q: Tensor, p: Tensor, A: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_i F_i · (A_k q_i + b_k) and the sum of the sizes of its terms, (b, k) each."""
    force = subject.force(q, p if subject.kind == "H" else None)
    motion = torch.einsum("kij,bnj->bkni", A, q) + b[:, None]
    terms = (force[:, None] * motion).sum(-1)
    return terms.sum(-1), (force.norm(dim=-1)[:, None] * motion.norm(dim=-1)).sum(-1)


def _bracket(subject: Subject, q: Tensor, p: Tensor, A: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return {H, J_k} and the sum of the sizes of its terms, (b, k) each."""
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


Terms = Callable[[Subject, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Terms maps (subject, q, p, A, b) to a sum for each generator, (b, k), and to the sum of the sizes of its terms."""


@dataclass(frozen=True)
class _Place:
    """A place holds the states and the generators at which sums must vanish."""

    subject: Subject
    group: Group
    state: tuple[Tensor, Tensor]
    tolerance: float
    generator: torch.Generator

    def vanishes(self, name: str, detail: str, terms: Terms, rows: list[int]) -> Check:
        """Check that the sums of the generators `rows` are round-off of the sizes of their terms."""
        subject, (q, p) = self.subject, self.state
        A, b = self.group.generators(subject.dtype)
        value, size = terms(subject, q, p, A, b)
        ratio = finite(value[:, rows].abs() / size[:, rows].clamp(min=1e-300)).amax(1)
        k = ratio.argmax()
        where = {"q": q[k], "p": p[k] if subject.kind == "H" else None}
        made = judged(name, ratio.max().item(), self.tolerance, detail, **where)
        return averaged(made, subject, lambda: terms(subject, q[:16], p[:16], A, b)[0][:, rows], self.generator)
