"""Where bodies meet: which functions and which ridge, by what they predict of the energies of windows left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lieham.regression.cross_validation import FOLDS, RIDGES, SLACK, TINY, lots
from lieham.regression.energy_rows import Energies
from lieham.regression.problem import Problem, reduce
from lieham.typing import Bool, Float, Tensor

ROUNDS = 8
"""Rounds in which outliers lose their weight."""
MARGIN = 0.1
"""How much worse, in the logarithm of the error of energies, a simpler choice may be."""


@dataclass(frozen=True)
class Candidate:
    """Columns and a ridge, with what they leave, as mean logarithms: of resolved windows, and of changes of energy."""

    ridge: float
    columns: Bool[Tensor, " columns"]
    path: float
    energy: float


def join(problem: Problem, found: Energies, order: Float[Tensor, " columns"]) -> None:
    """Choose columns and ridge by what they predict of energies left out, and add `found`, weighted, to the problem.

    Every `FOLDS`-th window of either kind is left out. Of the choices that predict paths left out within `SLACK` of
    the best one, the simplest within `MARGIN` of the least error of energies counts, relative to their changes, in the
    geometric mean: what is simplest by the paths may be too simple where bodies meet, since no path that was seen
    goes there. The problem is decomposed, before and after.
    """
    known = torch.zeros_like(problem.scale)
    known[problem.columns] = problem.solution()
    out = [torch.arange(len(x.A), device=x.A.device) % FOLDS == FOLDS - 1 for x in (problem, found)]
    triangle = reduce(problem.A[~out[0]], problem.y[~out[0]])
    held, kept = (Energies(*(x[rows] for x in found.parts)) for rows in (out[1], ~out[1]))
    tried = []
    for level in lots(order, 1):
        columns = order <= level
        if columns.sum() < problem.columns.sum():
            continue
        here = torch.cat([columns, columns.new_ones(1)])
        z = known[columns]
        for ridge in [x for x in RIDGES if x <= problem.ridge][:8:2]:
            z = robust(triangle[:, here], kept.of(columns), problem.count, ridge, z)[0]
            path = problem.A[out[0]][..., columns] @ z - problem.y[out[0]]
            logs = path.square().mean(1), held.of(columns).misfit(z).square()
            tried.append(Candidate(ridge, columns, *(x.clamp(min=TINY).log().mean().item() for x in logs)))
    least = min(x.path for x in tried)
    tried = [x for x in tried if x.path <= least + SLACK]
    least = min(x.energy for x in tried)
    best = next(x for x in tried if x.energy <= least + MARGIN)
    problem.columns = best.columns
    here = torch.cat([best.columns, best.columns.new_ones(1)])
    triangle = reduce(problem.A, problem.y)[:, here]
    _, weight = robust(triangle, found.of(best.columns), problem.count, best.ridge, known[best.columns])
    problem.energies = replace(found, weight=weight)
    problem.decompose(best.ridge)


def robust(
    triangle: Float[Tensor, "m c1"], rows: Energies, count: int, ridge: float, z: Float[Tensor, " c"]
) -> tuple[Float[Tensor, " c"], Float[Tensor, "w k"]]:
    """z that minimises |path|²/σ² + Σ |r|/s + ridge, r the relative errors of energies, and their weights.

    By least squares in which each energy has the weight σ²/(s max(s, |r|)), σ² the mean square that the paths leave
    and s the median of |r| over 0.67, both as the weights before left them (Huber 1964). Some encounters are so close
    that no law of this kind holds what the data show, or so fast that the data themselves are coarse; but where all
    can be held, all are, as the sum of the errors is convex.
    """
    weight, noise, spread = rows.weight, z.new_full((), torch.inf), z.new_full((), torch.inf)
    for _ in range(ROUNDS):
        error = rows.misfit(z)
        # Only ever less: a weight that grows with what it does to the paths would throw them away.
        noise = torch.minimum(noise, (triangle[:, :-1] @ z - triangle[:, -1]).square().sum() / count)
        spread = torch.minimum(spread, 1.5 * error.abs().median())
        weight = noise.clamp(min=TINY) / (spread * error.abs().clamp(min=spread)).clamp(min=TINY)
        stacked = torch.linalg.qr(torch.cat([triangle, replace(rows, weight=weight).weighted()]), mode="r").R
        U, S, V = torch.linalg.svd(stacked[:, :-1], full_matrices=False)
        z = V.mT @ (S / (S.square() + ridge * count) * (U.mT @ stacked[:, -1]))
    return z, weight
