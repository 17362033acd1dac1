"""Which products of what two bodies are weigh a law's functions: as few as predict held-out windows as well as all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.regression.cross_validation import Choice, choose
from lieham.regression.dictionary import Columns
from lieham.regression.problem import RidgeProblem
from lieham.typing import Float, Tensor

MOST = 2
"""Most products that are tried together."""


def chosen(
    assemble: Callable[[Columns], RidgeProblem],
    dictionary: Dictionary,
    columns: Columns,
    products: Float[Tensor, "k s"] | None,
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
        products: the combinations of the outputs that are products (`Dictionary.products`); None for none.
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
    other = assemble(replace(columns, mixing=products))
    few = _few(other, other.columns.rank(dictionary), (tried, level), choice.left + slack, slack)
    if few is None:
        return problem, choice
    other.ridge, other.used = few.ridge, few.columns
    return other, few


def _few(
    problem: RidgeProblem, rank: Tensor, by: tuple[list[float], float], most: float, slack: float
) -> Choice | None:
    """Return the choice with the fewest products that leaves no more than `most`; None where `MOST` leave more.

    The products are compared by functions up to the second number of `by`, and what they leave is found with all
    thresholds.
    """
    tried, level = by
    count = problem.columns.mixing.shape[1]
    of = torch.arange(len(rank), device=rank.device) % count
    of[len(rank) - problem.columns.singles :] = -1
    taken: list[int] = []
    for _ in range(min(MOST, count)):
        others = [k for k in range(count) if k not in taken]
        left = [choose(problem, _of(rank, of, [*taken, k]), [level], slack).left for k in others]
        taken.append(others[left.index(min(left))])
        found = choose(problem, _of(rank, of, taken), tried, slack)
        if found.left <= most:
            return found
    return None


def _of(rank: Tensor, of: Tensor, products: list[int]) -> Float[Tensor, " columns"]:
    """Return the rank, infinite for columns of other products."""
    kept = torch.isin(of, torch.tensor([-1, *products], device=of.device))
    return rank.masked_fill(~kept, inf)
