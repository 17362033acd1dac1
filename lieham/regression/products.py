"""Which products of what two bodies are weigh a law's functions: as few as predict held-out windows as well as all."""

from __future__ import annotations

from math import inf

import torch

from lieham.regression.cross_validation import Choice, choose
from lieham.regression.problem import RidgeProblem
from lieham.typing import Float, Tensor

MOST = 2
"""Most products that are tried together."""


def few_products(
    problem: RidgeProblem, rank: Float[Tensor, " columns"], tried: list[float], all_of: tuple[float, float], slack: float
) -> Choice | None:
    """Return a choice with one or two products, where that predicts held-out windows as well as all combinations.

    A dictionary gives each of the r combinations of its outputs a function of its own. Most laws have one function and
    one product, such as m_i m_j φ(r). Then what one pair of bodies shows of φ also holds for pairs that the data show
    at other distances, and there are r times fewer coefficients. The products are added one by one, the best first.

    Args:
        problem: the rows with one column for every function and product; product by product within a function.
        rank: the rank of every column, (columns,).
        tried: the thresholds of the rank that are tried.
        all_of: the largest rank of a function that was taken with all combinations of the outputs, and the logarithm of
            the share of the mean square that they leave.
        slack: by how much a simpler choice may be worse, in the logarithm of the mean square.

    Returns:
        The choice, or None where one and two products leave more.
    """
    level, reached = all_of
    count = problem.columns.mixing.shape[1]
    of = torch.arange(len(rank), device=rank.device) % count
    of[len(rank) - problem.columns.singles :] = -1
    taken: list[int] = []
    for _ in range(min(MOST, count)):
        left = {
            k: choose(problem, _of(rank, of, [*taken, k]), [level], slack).left for k in range(count) if k not in taken
        }
        taken.append(min(left, key=lambda k: left[k]))
        found = choose(problem, _of(rank, of, taken), tried, slack)
        if found.left <= reached + slack:
            return found
    return None


def _of(rank: Tensor, of: Tensor, products: list[int]) -> Float[Tensor, " columns"]:
    """Return the rank, infinite for columns of other products."""
    kept = torch.isin(of, torch.tensor([-1, *products], device=of.device))
    return rank.masked_fill(~kept, inf)
