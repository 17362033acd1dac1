"""Cross-validation over windows: which columns and which ridge predict held-out windows, the simplest that do."""

from __future__ import annotations

from math import inf, log
from typing import NamedTuple

import torch

from lieham.regression.gram import LEAST_RIDGE, MANY, held_out
from lieham.regression.problem import RidgeProblem, triangle
from lieham.typing import Bool, Float, Int, Tensor

RIDGES = tuple(10.0**-k for k in range(4, 20))
"""Strengths of the ridge that cross-validation chooses from, for columns of largest element 1."""
FOLDS = 5
"""Parts into which windows are divided; each part is held out once."""
SLACK = log(2.0)
"""By how much a simpler choice may be worse, in the logarithm of the mean square."""
SOLVED = log(1e-6)
"""Logarithm of the share of the mean square that may be left where the law counts as found."""
MOST_COLUMNS = 2_000
"""Functions are added while there are at most so many columns."""
TINY = 1e-30


class Choice(NamedTuple):
    """The choice that cross-validation makes: the strongest ridge and the fewest columns that will do.

    `left` is the mean logarithm of the share of the mean square that the best choice leaves of held-out windows; it is
    infinite where there is only one window, so that none can be held out.
    """

    ridge: float
    columns: Bool[Tensor, " columns"]
    left: float


def rank_thresholds(rank: Float[Tensor, " functions"], each: int) -> list[float]:
    """Return increasing rank thresholds; each defines a nested candidate set of at most `MOST_COLUMNS` columns.

    Args:
        rank: the rank of every function, (f,); infinite for those that are never taken.
        each: columns that a function has.
    """
    levels = rank[rank < inf].unique()
    levels = levels[sorted({0, *range(len(levels) - 1, 0, -3)})].tolist()
    return levels[:1] + [x for x in levels[1:] if each * int((rank <= x).sum()) <= MOST_COLUMNS]


def choose(
    problem: RidgeProblem, rank: Float[Tensor, " columns"], thresholds: list[float], slack: float = SLACK
) -> Choice:
    """Choose the ridge and the columns: the simplest of those that predict held-out windows as well as any.

    Columns are added threshold by threshold until held-out windows are predicted to `SOLVED` and two more thresholds
    have not helped. The score is the geometric mean of the error over the bodies of held-out windows. The fewest
    columns within `slack` of the least score win, and with them the strongest ridge within it. With one window nothing
    can be held out: then all columns and the ridge in the middle are taken.

    Args:
        problem: the rows with all candidate columns.
        rank: the rank of every column, (columns,).
        thresholds: see `rank_thresholds`.
        slack: by how much a simpler choice may be worse, in the logarithm of the mean square.
    """
    if len(problem.A) < 2 or len(_folds(problem).unique()) < 2:
        return Choice(RIDGES[len(RIDGES) // 2], torch.ones_like(rank, dtype=torch.bool), inf)
    choices = [rank <= level for level in thresholds]
    whole = problem.parts(problem.y).clamp(min=TINY).log().mean()
    scores: list[Tensor] = []
    for columns in choices:
        scores.append(_scores(problem, columns))
        best = [x.min() for x in scores]
        if len(best) > 2 and best[-3] < whole + SOLVED and min(best[-2:]) > best[-3] - slack:
            break
    good = torch.stack(scores)
    least = good.min()
    good = good <= least + slack
    level = int(good.any(1).nonzero()[0])
    return Choice(RIDGES[int(good[level].nonzero()[0])], choices[level], (least - whole).item())


def _scores(problem: RidgeProblem, columns: Tensor) -> Float[Tensor, " ridges"]:
    """Return the mean logarithm of the error on held-out windows with these columns, for each of `RIDGES`.

    The problem is rotated into the directions that any of the ridges would use, where it is the same and smaller.
    """
    A, y, fold = problem.A[..., columns], problem.y, _folds(problem)
    folds = int(fold.max()) + 1
    if int(columns.sum()) > MANY:
        return _scores_of_many(problem, columns, fold)
    _, S, V = torch.linalg.svd(triangle(A, y)[:, :-1], full_matrices=False)
    A = A @ V[S.square() > problem.count * RIDGES[-1] / 100].mT
    parts = [triangle(A[fold == k], y[fold == k]) for k in range(folds)]
    ridges = A.new_tensor(RIDGES) * problem.count * (folds - 1) / folds
    left = y.new_zeros(len(ridges), *y.shape)
    for k in range(folds):
        kept = torch.linalg.qr(torch.cat([x for i, x in enumerate(parts) if i != k]), mode="r").R
        U, S, V = torch.linalg.svd(kept[:, :-1], full_matrices=False)
        z = V.mT @ (S[:, None] / (S[:, None].square() + ridges) * (U.mT @ kept[:, -1:]))
        left[:, fold == k] = (A[fold == k] @ z - y[fold == k][..., None]).movedim(-1, 0)
    return torch.stack([problem.parts(x).clamp(min=TINY).log().mean() for x in left])


def _scores_of_many(problem: RidgeProblem, columns: Tensor, fold: Tensor) -> Float[Tensor, " ridges"]:
    """Return the scores by the normal equations; they are infinite for ridges below `LEAST_RIDGE`."""
    folds = int(fold.max()) + 1
    ridges = problem.A.new_tensor([x for x in RIDGES if x >= LEAST_RIDGE]) * problem.count * (folds - 1) / folds
    [left] = held_out(problem.A, problem.y, fold, ridges, [columns])
    found = torch.stack([problem.parts(x).clamp(min=TINY).log().nanmean() for x in left])
    return torch.cat([found, found.new_full((len(RIDGES) - len(found),), inf)])


def _folds(problem: RidgeProblem) -> Int[Tensor, " windows"]:
    """Return the fold of every window, from 0 on: those of one origin are held out together, where there are several.

    Windows of one trajectory, or of one block of its time, tell of each other, so they are not divided.
    """
    if problem.fold is None:
        return torch.arange(len(problem.A), device=problem.A.device) % FOLDS
    _, origin = problem.fold.unique(return_inverse=True)
    return origin % FOLDS
