"""Close encounters: columns and ridge by what they predict of held-out energies, with outliers weighed down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lieham.regression.cross_validation import FOLDS, RIDGES, SLACK, TINY, rank_thresholds
from lieham.regression.problem import RidgeProblem, WeightedRows, triangle
from lieham.typing import Bool, Float, Tensor

ROUNDS = 8
"""Rounds in which outliers lose their weight."""
MARGIN = 0.1
"""By how much a simpler choice may be worse, in the logarithm of the error of energies."""


@dataclass(frozen=True)
class Candidate:
    """Columns and a ridge, and the mean logarithms of what they leave of resolved windows and of changes of energy."""

    ridge: float
    columns: Bool[Tensor, " columns"]
    path: float
    energy: float


def join(problem: RidgeProblem, found: WeightedRows, rank: Float[Tensor, " columns"]) -> None:
    """Choose columns and ridge by what they predict of held-out energies, and add `found`, weighted, to the problem.

    Every `FOLDS`-th window of either kind is held out. Of the choices that predict held-out paths within `SLACK` of the
    best one, the simplest within `MARGIN` of the least error of energies is taken; that error is relative to their
    changes, in the geometric mean. What is simplest by the paths may be too simple where bodies meet, since no path
    that was seen goes there. The problem is decomposed before and after.

    Args:
        problem: the rows of resolved windows; its columns, its ridge and its rows `beside` are replaced.
        found: the energies of windows that do not show their path.
        rank: the rank of every column, (columns,).
    """
    known = torch.zeros_like(problem.scale)
    known[problem.used] = problem.solution()
    out = [torch.arange(len(x.A), device=x.A.device) % FOLDS == FOLDS - 1 for x in (problem, found)]
    rows = triangle(problem.A[~out[0]], problem.y[~out[0]])
    held, kept = found.at(out[1]), found.at(~out[1])
    tried: list[Candidate] = []
    for level in rank_thresholds(rank, 1):
        columns = rank <= level
        if columns.sum() < problem.used.sum():
            continue
        here = torch.cat([columns, columns.new_ones(1)])
        z = known[columns]
        for ridge in [x for x in RIDGES if x <= problem.ridge][:8:2]:
            z = robust(rows[:, here], kept.of(columns), problem.count, ridge, z)[0]
            path = problem.A[out[0]][..., columns] @ z - problem.y[out[0]]
            logs = path.square().mean(1), held.of(columns).misfit(z).square()
            tried.append(Candidate(ridge, columns, *(x.clamp(min=TINY).log().mean().item() for x in logs)))
    least = min(x.path for x in tried)
    tried = [x for x in tried if x.path <= least + SLACK]
    least = min(x.energy for x in tried)
    best = next(x for x in tried if x.energy <= least + MARGIN)
    problem.used = best.columns
    here = torch.cat([best.columns, best.columns.new_ones(1)])
    rows = triangle(problem.A, problem.y)[:, here]
    _, weight = robust(rows, found.of(best.columns), problem.count, best.ridge, known[best.columns])
    problem.beside = replace(found, weight=weight)
    problem.decompose(best.ridge)


def robust(
    paths: Float[Tensor, "m c1"], energies: WeightedRows, count: int, ridge: float, z: Float[Tensor, " c"]
) -> tuple[Float[Tensor, " c"], Float[Tensor, "w k"]]:
    """Return z that minimises |path|²/σ² + Σ |r|/s + ridge, r the relative errors of energies, and their weights.

    It is found by least squares in which each energy has the weight σ²/(s max(s, |r|)), σ² being the mean square that
    the paths leave and s the median of |r| over 0.67, both as the weights before left them (Huber 1964). Some
    encounters are so close that no law of this kind holds what the data show, or so fast that the data themselves are
    coarse; but where all can be held, all are, since the sum of the errors is convex.

    Args:
        paths: the triangle of the rows of resolved windows, (m, columns + 1).
        energies: the rows of energy balance.
        count: number of terms over which squares are averaged.
        ridge: strength of the ridge.
        z: where the iteration begins, (columns,).
    """
    weight, noise, spread = energies.weight, z.new_full((), torch.inf), z.new_full((), torch.inf)
    for _ in range(ROUNDS):
        error = energies.misfit(z)
        # Only ever less: a weight that grows with what it does to the paths would throw them away.
        noise = torch.minimum(noise, (paths[:, :-1] @ z - paths[:, -1]).square().sum() / count)
        spread = torch.minimum(spread, 1.5 * error.abs().median())
        weight = noise.clamp(min=TINY) / (spread * error.abs().clamp(min=spread)).clamp(min=TINY)
        stacked = torch.linalg.qr(torch.cat([paths, replace(energies, weight=weight).weighted()]), mode="r").R
        U, S, V = torch.linalg.svd(stacked[:, :-1], full_matrices=False)
        z = V.mT @ (S / (S.square() + ridge * count) * (U.mT @ stacked[:, -1]))
    return z, weight
