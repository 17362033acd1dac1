"""Which functions and which ridge: by cross-validation over windows, the simplest that do as well as any."""

from __future__ import annotations

from math import inf, log
from typing import NamedTuple

import torch

from lieham.regression.problem import Problem, reduce
from lieham.typing import Bool, Float, Tensor

RIDGES = tuple(10.0**-k for k in range(4, 20))
"""Strengths of the ridge that cross-validation chooses from, for columns of largest element 1."""
FOLDS = 5
SLACK = log(2.0)
"""How much worse, in the logarithm of the mean square, a simpler choice may be."""
SOLVED = log(1e-6)
"""Logarithm of the share of the mean square that is left where the law counts as found."""
MOST_COLUMNS = 2_000
"""Functions are added while there are no more than so many columns."""
TINY = 1e-30


class Choice(NamedTuple):
    """The strongest ridge and the fewest columns that will do; `left`, the mean logarithm of the share of the mean
    square that the best choice leaves of windows left out, infinite where there is but one window."""

    ridge: float
    columns: Bool[Tensor, " columns"]
    left: float


def lots(order: Float[Tensor, " functions"], each: int) -> list[float]:
    """The orders up to which functions of `each` so many columns are taken, lot by lot, to `MOST_COLUMNS`."""
    levels = order.unique()
    levels = levels[sorted({0, *range(len(levels) - 1, 0, -3)})].tolist()
    return levels[:1] + [x for x in levels[1:] if each * int((order <= x).sum()) <= MOST_COLUMNS]


def choose(problem: Problem, order: Float[Tensor, " columns"], lots: list[float], slack: float = SLACK) -> Choice:
    """The ridge and the columns, the simplest of those that predict windows left out as well as any.

    Columns are added in their `order`, lot by lot, until what is left out is predicted to `SOLVED` and two more
    lots have not helped. The score is the geometric mean of the error over windows left out; the fewest columns within
    `slack` of the least one win, and with them the strongest ridge within it. With one window nothing can be left
    out: all columns, and the ridge in the middle.
    """
    if len(problem.A) < 2:
        return Choice(RIDGES[len(RIDGES) // 2], torch.ones_like(order, dtype=torch.bool), inf)
    choices = [order <= level for level in lots]
    whole = problem.y.square().mean(1).clamp(min=TINY).log().mean()
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


def _scores(problem: Problem, columns: Tensor) -> Float[Tensor, " ridges"]:
    """The mean log error on windows left out with these columns, for each of `RIDGES`.

    In the directions that any of the ridges would use: rotated there, the problem is the same and smaller.
    """
    A, y, folds = problem.A[..., columns], problem.y, min(FOLDS, len(problem.A))
    _, S, V = torch.linalg.svd(reduce(A, y)[:, :-1], full_matrices=False)
    A = A @ V[S.square() > problem.count * RIDGES[-1] / 100].mT
    fold = torch.arange(len(A), device=A.device) % folds
    parts = [reduce(A[fold == k], y[fold == k]) for k in range(folds)]
    ridges = A.new_tensor(RIDGES) * problem.count * (folds - 1) / folds
    score = torch.zeros_like(ridges)
    for k in range(folds):
        kept = torch.linalg.qr(torch.cat([x for i, x in enumerate(parts) if i != k]), mode="r").R
        U, S, V = torch.linalg.svd(kept[:, :-1], full_matrices=False)
        z = V.mT @ (S[:, None] / (S[:, None].square() + ridges) * (U.mT @ kept[:, -1:]))
        left = A[fold == k] @ z - y[fold == k][..., None]
        score += left.square().mean(1).clamp(min=TINY).log().sum(0)
    return score / len(A)
