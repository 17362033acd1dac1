"""This check looks for the largest change that a motion of the group makes, at random and by search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch

from lieham.auditing.configurations import Motions, Scale, algebra, motions, moved, states
from lieham.auditing.report import BROKEN, ON_AVERAGE, Check, judged
from lieham.auditing.subject import Subject
from lieham.groups import Group
from lieham.typing import Float, Tensor

DRAWS = 64
"""A target that draws at random is evaluated this many times; the mean of its error over the draws must vanish."""
CLIMBERS, CHILDREN, ROUNDS = 8, 8, 20
"""The search keeps CLIMBERS of the worst inputs and tries CHILDREN changes of each, for ROUNDS rounds."""


class Found(NamedTuple):
    """A Found object holds inputs and the errors that they make, the worst first."""

    ratio: Float[Tensor, " k"]
    q: Float[Tensor, "k n d"]
    p: Float[Tensor, "k n d"] | None
    a: Float[Tensor, "k g"]

    @classmethod
    def worst(cls, ratio: Tensor, q: Tensor, p: Tensor | None, a: Tensor) -> Found:
        """Return the worst `CLIMBERS` of the given inputs.

        Args:
            ratio: the relative errors, (b,).
            q, p: the configurations that make them, (b, n, d); `p` is None where there are no momenta.
            a: the algebra vectors of the motions, (b, k).
        """
        order = ratio.argsort(descending=True)[:CLIMBERS]
        return cls(ratio[order], q[order], None if p is None else p[order], a[order])

    @classmethod
    def worst_of(cls, found: list[Found]) -> Found:
        """Return the worst `CLIMBERS` of all inputs found so far."""
        p = [x.p for x in found if x.p is not None]
        ratio, q, a = (torch.cat(x) for x in ([x.ratio for x in found], [x.q for x in found], [x.a for x in found]))
        return cls.worst(ratio, q, torch.cat(p) if p else None, a)


def invariance(
    subject: Subject, group: Group, scale: Scale, tolerance: float, moves: int, generator: torch.Generator
) -> Check:
    """Look for the largest |f(g·x) − f(x)|, or |F(g·x) − g·F(x)| of a force, at random and by search.

    Args:
        subject: what is audited.
        group: the symmetry declared.
        scale: the size of its values.
        tolerance: largest error, relative to the condition of f.
        moves: configurations and motions that are drawn at random; the search from the worst of them tries 1,280 more.
        generator: draws them.
    """
    found = []
    for start in range(0, moves, 256):
        count = min(256, moves - start)
        q, p = states(subject, count, generator)
        found.append(_errors(subject, group, scale, (q, p, algebra(group, subject, count, generator))))
    best = Found.worst_of(found)
    for k in range(ROUNDS):
        if best.ratio[0] > 1e6 * tolerance:
            break
        children = _children(subject, best, 0.5 * 0.8**k, generator)
        best = Found.worst_of([best, _errors(subject, group, scale, children)])
    worst, move = best.ratio[0].item(), motions(group, best.a, subject.dtype)[torch.tensor([0])]
    name = "equivariance" if subject.kind == "force" else "invariance"
    detail = f"|f(g·x) - f(x)| over its scale, {group}, {moves + ROUNDS * CLIMBERS * CHILDREN} moves"
    at = {"q": best.q[0], "p": None if best.p is None else best.p[0], "move": move.A[0], "shift": move.b[0]}
    made = judged(name, worst, tolerance, detail, **at)
    q, p = states(subject, 16, generator)
    a = algebra(group, subject, 16, generator)
    return averaged(made, subject, lambda: _difference(subject, group, q, p, a), generator)


def _difference(subject: Subject, group: Group, q: Tensor, p: Tensor | None, a: Tensor) -> Tensor:
    """Compute f(g·x) − f(x), or F(g·x) − g·F(x) for a force."""
    move = motions(group, a, subject.dtype)
    before = subject(q, p)
    before = move.covectors(before) if subject.kind == "force" else before
    return subject(*moved(subject, move, q, p)) - before


def _errors(subject: Subject, group: Group, scale: Scale, inputs: tuple[Tensor, Tensor | None, Tensor]) -> Found:
    """Return the worst of a batch of configurations q, p and algebra vectors a, by their relative errors."""
    q, p, a = inputs
    with torch.no_grad():
        error = _difference(subject, group, q, p, a).abs()
    error = error.amax((1, 2)) if error.ndim == 3 else error
    far = motions(group, a, subject.dtype)
    size = scale.condition(subject, q, p, far.b.norm(dim=1) + _stretch(far, q))
    return Found.worst(finite(error / size), q, p, a)


def _stretch(move: Motions, q: Tensor) -> Tensor:
    """Return how far out each configuration reaches after the linear part of a motion."""
    return (q @ move.A.mT).norm(dim=-1).amax(1)


def finite(ratio: Tensor) -> Tensor:
    """Return the errors, with 0 for configurations where the function is not finite, which are no evidence."""
    return torch.where(torch.isfinite(ratio), ratio, torch.zeros_like(ratio))


def _children(
    subject: Subject, best: Found, size: float, generator: torch.Generator
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return inputs near the worst ones: q, p and a with normal noise of `size` times their own units."""

    def near(x: Tensor, unit: float) -> Tensor:
        x = x.repeat_interleave(CHILDREN, 0)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype)
        return x + size * unit * noise

    q, p = near(best.q, subject.length), None if best.p is None else near(best.p, subject.momentum)
    return q, p, near(best.a, 1.0)


def averaged(made: Check, subject: Subject, error: Callable[[], Tensor], generator: torch.Generator) -> Check:
    """Return the check, with the verdict "in distribution" if its error vanishes on average over random draws.

    A broken check of a target that draws at random is repeated over 64 draws; the mean must be 0 within 5 standard
    errors. All other checks come back as they are.

    Args:
        made: the check.
        subject: what is audited, which says how it draws anew.
        error: computes the error under the present draws.
        generator: the source of the draws.
    """
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
