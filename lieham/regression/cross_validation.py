"""Cross-validation over windows: which columns, products and ridge predict held-out windows, the simplest that do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, log
from typing import NamedTuple

import torch

from lieham.dynamics.dictionary import Dictionary, Products
from lieham.regression.dictionary import Columns, columns_up_to, rank_of
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
EXACT = log(1e-12)
"""Logarithm of the share of the mean square left at which no more functions are tried."""
MOST_COLUMNS = 800
"""Functions are added while there are at most so many columns; of more, see `wide`."""
MOST_PRODUCTS = 2
"""Most products of what two bodies are that are tried together."""
TINY = 1e-30
REST = 1e-6
"""A body on which less than this share of the mean square acts is taken to be acted on by so much."""


class Choice(NamedTuple):
    """The choice that cross-validation makes: the strongest ridge and the fewest columns that will do.

    `left` is the mean logarithm of the share of the mean square that the best choice leaves of held-out windows; it is
    infinite where there is only one window, so that none can be held out.
    """

    ridge: float
    columns: Bool[Tensor, " columns"]
    left: float


def rank_thresholds(rank: Float[Tensor, " functions"], each: int, most: int | None = None) -> list[float]:
    """Return increasing rank thresholds; each defines a nested candidate set of at most some number of columns.

    Args:
        rank: the rank of every function, (f,); infinite for those that are never taken.
        each: columns that a function has.
        most: the number of columns; by default `MOST_COLUMNS`.
    """
    most = MOST_COLUMNS if most is None else most
    levels = rank[rank < inf].unique()
    levels = levels[sorted({0, *range(len(levels) - 1, 0, -3)})].tolist()
    return levels[:1] + [x for x in levels[1:] if each * int((rank <= x).sum()) <= most]


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
    scores: list[Tensor] = []
    for columns in choices:
        scores.append(_scores(problem, columns))
        best = [x.min() for x in scores]
        if len(best) > 2 and best[-3] < SOLVED and min(best[-2:]) > best[-3] - slack:
            break
    good = torch.stack(scores)
    least = good.min()
    good = good <= least + slack
    level = int(good.any(1).nonzero()[0])
    return Choice(RIDGES[int(good[level].nonzero()[0])], choices[level], least.item())


def share_left(left: Float[Tensor, " bodies"], whole: Float[Tensor, " bodies"]) -> Float[Tensor, ""]:
    """Return the mean logarithm of the share that is left of what there is to explain of bodies in windows.

    What is left of a body at rest (`REST`) is no less than what is left of others on average: functions that end leave
    nothing at all of a body that is far from all others, which says nothing of the law.

    Args:
        left: the mean square of what is left of each.
        whole: the mean square of the right-hand sides of each.
    """
    floor = max(TINY, REST * float(whole.mean()))
    share = left.clamp(min=TINY).log() - whole.clamp(min=floor).log()
    moved = whole >= floor
    if bool(moved.any()):
        share = torch.where(moved, share, torch.maximum(share, share[moved].mean()))
    return share.mean()


def chosen(
    assemble: Callable[[Columns], RidgeProblem],
    dictionary: Dictionary,
    columns: Columns,
    products: Products | None,
    by: tuple[list[float], float],
) -> tuple[RidgeProblem, Choice]:
    """Pose a regression and choose its columns and its ridge, with one product of what two bodies are if that will do.

    A dictionary gives each of the r combinations of its outputs a function of its own. Most laws have one function and
    one product, such as m_i m_j φ(r). Then what one pair of bodies shows of φ also holds for pairs that the data show
    at other distances, and there are r times fewer coefficients. So one product and then two, the best first, are tried
    too; they are taken where they predict held-out windows as well as all combinations do.

    Args:
        assemble: a function that returns the rows of some columns.
        dictionary: the functions.
        columns: all candidate functions, times the combinations of the outputs that the data tell apart.
        products: the products of what two bodies are (`Dictionary.products`); None for none.
        by: the thresholds of the rank that are tried, and by how much a simpler choice may be worse, in the logarithm
            of the mean square (`choose`).
    """
    tried, slack = by
    problem = assemble(columns)
    choice = choose(problem, columns.rank(dictionary), tried, slack)
    problem.ridge, problem.used = choice.ridge, choice.columns
    if products is None or columns.mixing.shape[1] < 2 or choice.left == inf:
        return problem, choice
    level = max(tried[0], columns.rank(dictionary)[choice.columns].max().item())
    other, family = assemble(replace(columns, mixing=products.mixing)), products.family

    def alone(taken: list[int]) -> tuple[RidgeProblem, Choice]:
        """Return the regression on a few products, with more functions than on all of them where that is needed."""
        found = choose(other, _of(other, dictionary, (family, taken)), tried, slack)
        mixing = other.columns.mixing[:, torch.isin(family, family.new_tensor(taken))]
        more = rank_thresholds(rank_of(dictionary, mixing), mixing.shape[1])
        if more[-1] <= tried[-1] or found.left < EXACT:
            return other, found
        own = assemble(columns_up_to(dictionary, mixing, more[-1]))
        return own, choose(own, own.columns.rank(dictionary), more, slack)

    few = _few((other, family), dictionary, alone, (level, choice.left + slack, slack))
    if few is None:
        return problem, choice
    problem, choice = few
    problem.ridge, problem.used = choice.ridge, choice.columns
    return few


def _few(
    posed: tuple[RidgeProblem, Tensor],
    dictionary: Dictionary,
    alone: Callable[[list[int]], tuple[RidgeProblem, Choice]],
    by: tuple[float, float, float],
) -> tuple[RidgeProblem, Choice] | None:
    """Return the choice with the fewest families of products that leaves no more than a number; None if there is none.

    The products are compared by functions up to the first number of `by`, and what they leave is then found `alone`. It
    may be the second number of `by`; the third one is the slack.
    """
    level, most, slack = by
    problem, family = posed
    count = int(family.max()) + 1
    taken: list[int] = []
    for _ in range(min(MOST_PRODUCTS, count)):
        others = [k for k in range(count) if k not in taken]
        ranks = (_of(problem, dictionary, (family, [*taken, k])) for k in others)
        left = [choose(problem, rank, [level], slack).left for rank in ranks]
        taken.append(others[left.index(min(left))])
        found = alone(taken)
        if found[1].left <= most:
            return found
    return None


def _of(problem: RidgeProblem, dictionary: Dictionary, of: tuple[Tensor, list[int]]) -> Float[Tensor, " columns"]:
    """Return the rank of every column, infinite for columns of products of other families than those of `of`."""
    rank, (family, taken) = problem.columns.rank(dictionary), of
    own = family.repeat(len(problem.columns.chosen))
    own = torch.cat([own, own.new_full((problem.columns.singles,), -1)])
    kept = torch.isin(own, own.new_tensor([-1, *taken]))
    return rank.masked_fill(~kept, inf)


def _scores(problem: RidgeProblem, columns: Tensor) -> Float[Tensor, " ridges"]:
    """Return the mean logarithm of the share left of held-out windows with these columns, for each of `RIDGES`.

    The problem is rotated into the directions that any of the ridges would use, where it is the same and smaller.
    """
    A, y, fold = problem.A[..., columns], problem.y, _folds(problem)
    folds = int(fold.max()) + 1
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
    whole = problem.parts(y)
    return torch.stack([share_left(problem.parts(x), whole) for x in left])


def _folds(problem: RidgeProblem) -> Int[Tensor, " windows"]:
    return folds_of(problem.fold, problem.A)


def folds_of(origin: Int[Tensor, " windows"] | None, windows: Tensor) -> Int[Tensor, " windows"]:
    """Return the fold of every window, from 0 on: those of one origin are held out together, where there are several.

    Windows of one trajectory, or of one block of its time, tell of each other, so they are not divided.

    Args:
        origin: the number of the origin of each window; None for each its own.
        windows: a tensor with one element or row for each window.
    """
    if origin is None:
        return torch.arange(len(windows), device=windows.device) % FOLDS
    return origin.unique(return_inverse=True)[1] % FOLDS
