"""Wide regressions: of more columns than rows could be stored for, by normal equations that are summed up part by part.

Rows are formed for a few windows at a time and added to AᵀA and Aᵀy, of which there are two: of windows to fit and of
windows held out. So memory is that of a few squares of the columns, whatever the number of rows. The columns are sorted
by rank. Then one Cholesky factor of AᵀA + λ serves all nested choices of them, since the leading block of the factor is
the factor of the leading block, and the error on held-out rows is a quadratic form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, cast

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.regression.dictionary import Columns
from lieham.typing import Float, Tensor

RIDGES = tuple(10.0**-k for k in range(6, 15))
"""Strengths of the ridge beside a mean of squares of 1, from the strongest on."""
FIRST = 3
"""The number of the ridge that is tried first."""
BLOCK = 1_000
"""So many columns are multiplied with so many at a time; of AᵀA, which is symmetric, one half is computed."""
CHOICES = 6
"""Nested choices of the columns, at most: the largest ones."""
SLACK = 0.1
"""By what share of the mean square of held-out rows a simpler choice may be worse."""

Rows = Callable[[], Iterator[tuple[bool, Tensor, Tensor]]]
"""It yields rows, part by part: whether they are held out, A (r, c) with single functions first, and y (r,)."""


@dataclass
class NormalEquations:
    """The sums AᵀA, Aᵀy and yᵀy of rows.

    Args:
        columns: the number of columns.
        like: a tensor of the precision and on the device of the rows.
    """

    columns: int
    like: Tensor

    def __post_init__(self) -> None:
        self.G = self.like.new_zeros(self.columns, self.columns)
        self.b, self.yy, self.rows = self.like.new_zeros(self.columns), self.like.new_zeros(()), 0

    def add(self, A: Float[Tensor, "r c"], y: Float[Tensor, " r"]) -> None:
        """Add rows; of AᵀA the blocks on the diagonal and above it."""
        for k in range(0, self.columns, BLOCK):
            self.G[k : k + BLOCK, k:].addmm_(A[:, k : k + BLOCK].mT, A[:, k:])
        self.b.add_(A.mT @ y)
        self.yy += y.square().sum()
        self.rows += len(y)

    def complete(self) -> None:
        """Fill in what lies below the diagonal."""
        for k in range(0, self.columns, BLOCK):
            self.G[k + BLOCK :, k : k + BLOCK] = self.G[k : k + BLOCK, k + BLOCK :].mT

    def left(self, z: Float[Tensor, " m"]) -> float:
        """Return the share of yᵀy that a solution of the first m columns leaves."""
        m = len(z)
        total = z @ (self.G[:m, :m] @ z) - 2 * self.b[:m] @ z + self.yy
        return float(total / self.yy)


class Solved(NamedTuple):
    """The solution of a wide regression.

    Args:
        columns: what the columns are.
        theta: their coefficients.
        ridge: the ridge that was chosen.
    """

    columns: Columns
    theta: Float[Tensor, " columns"]
    ridge: float

    @property
    def is_solved(self) -> bool:
        """Return True: nothing is left to be decomposed."""
        return True

    def write(self, dictionary: Dictionary) -> None:
        """Write the solution into the model."""
        dictionary.set(self.columns.spread(self.theta, dictionary.functions))


def solve(rows: Rows, columns: Columns, counts: list[int], like: Tensor) -> tuple[Solved, Solved]:
    """Return the solution of all rows, and that without the rows held out, whose error there decided.

    Args:
        rows: see `Rows`; their columns are sorted by rank.
        columns: what the columns are.
        counts: how many of the first columns each nested choice has, increasing.
        like: a tensor of the precision and on the device of the rows.
    """
    count = len(columns.chosen) * columns.mixing.shape[1] + columns.singles
    fit, held = NormalEquations(count, like), NormalEquations(count, like)
    for out, A, y in rows():
        (held if out else fit).add(A, y)
    for x in (fit, held):
        x.complete()
    counts = counts[-CHOICES:]
    found = _searched(fit, held, counts)
    least = min(x[0] for x in found.values())
    good = [(m, -ridge) for (m, ridge), x in found.items() if x[0] <= least * (1 + SLACK)]
    m, ridge = min(good)
    before = found[m, -ridge][1]
    fit.G += held.G
    del held.G
    fit.b += held.b
    fit.rows += held.rows
    scale, factor = _factor(fit, -ridge, m)
    after = before if factor is None else _solution(fit, scale, factor, m)
    return _spread(columns, after, -ridge), _spread(columns, before, -ridge)


def _spread(columns: Columns, z: Tensor, ridge: float) -> Solved:
    singles, pairs = z.split([columns.singles, len(z) - columns.singles])
    few = Columns(columns.chosen[: len(pairs) // columns.mixing.shape[1]], columns.mixing, columns.singles)
    return Solved(few, torch.cat([pairs, singles]), ridge)


def _searched(
    fit: NormalEquations, held: NormalEquations, counts: list[int]
) -> dict[tuple[int, float], tuple[float, Tensor]]:
    """Return what is left and the solution, for choices of columns and ridge; from a middle ridge on, downhill."""
    found: dict[tuple[int, float], tuple[float, Tensor]] = {}
    best: dict[int, float] = {}

    def tried(k: int) -> float:
        if not 0 <= k < len(RIDGES):
            return inf
        if k not in best:
            scale, factor = _factor(fit, RIDGES[k], counts[-1])
            best[k] = inf
            for m in counts if factor is not None else []:
                z = _solution(fit, scale, cast(Tensor, factor), m)
                found[m, RIDGES[k]] = held.left(z), z
                best[k] = min(best[k], found[m, RIDGES[k]][0])
        return best[k]

    k = FIRST
    for way in (1, -1):
        while tried(k + way) < tried(k):
            k += way
    return found


def _factor(x: NormalEquations, ridge: float, m: int) -> tuple[Tensor, Tensor | None]:
    """Return the scale of every column and the Cholesky factor of the first m, with a ridge.

    A column of mean square d is scaled to √d: so functions that are large, which are those of low degree and of the
    kinds that are many, are held less than others, and not as much less as they are larger. There is no factor where
    round-off has made a ridge too weak.
    """
    mean = x.G.diagonal()[:m] / x.rows
    scale = torch.where(mean > 0, mean, 1.0).pow(-0.25)
    own = x.G[:m, :m] * (scale / x.rows) * scale[:, None]
    own.diagonal().add_(ridge)
    factor, failed = torch.linalg.cholesky_ex(own)
    return scale, None if bool(failed) else factor


def _solution(x: NormalEquations, scale: Tensor, factor: Tensor, m: int) -> Float[Tensor, " m"]:
    right = (scale[:m] * x.b[:m] / x.rows)[:, None]
    return scale[:m] * torch.cholesky_solve(right, factor[:m, :m])[:, 0]
