"""Terms of many bodies: products of moments, contracted to numbers that no rotation changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import torch

from lieham.typing import Float, Int, Tensor

MOST_RANK = 3
"""Tensors have at most this rank."""
LETTERS = "stuvw"
"""Names of the indices of tensors."""


@dataclass(frozen=True)
class Terms:
    """Terms of one kind: products of moments A_c of the channels c = (k, f), contracted in the same way.

    With exponents e_ab the term of the channels (c_1, ..., c_ν) is the sum over neighbors j_1, ..., j_ν of
    Π_a R_{c_a}(r_a) Π_{a<b} (u_a·u_b)^{e_ab}: moment a has rank Σ_b e_ab, and shares e_ab indices with moment b.

    Args:
        exponents: e_ab for a < b in the order (12), (13), (23); e_12 alone for two moments.
        channels: the channels of each term, (terms, ν).
        level: the level of each term, (terms,).
    """

    exponents: tuple[int, ...]
    channels: Int[Tensor, "terms v"]
    level: Int[Tensor, " terms"]

    @property
    def ranks(self) -> tuple[int, ...]:
        """Return the rank of each moment."""
        return ranks_of(self.exponents)


def ranks_of(exponents: tuple[int, ...]) -> tuple[int, ...]:
    """Return the rank of each moment in a contraction with these exponents."""
    if len(exponents) == 3:
        a, b, c = exponents
        return a + b, a + c, b + c
    return (exponents[0],) * 2


def terms(order: int, level: int, factors: int, dim: int) -> list[Terms]:
    """Return all terms of more than two bodies, up to a body order and a level.

    Args:
        order: the body order; ν = order − 1 moments are multiplied at most.
        level: the largest level, Σ_a k_a + Σ e_ab.
        factors: the number of factors f of a neighbor.
        dim: the dimension of space. On a line u is a sign, so exponents above 1 tell nothing new.
    """
    degrees = torch.arange(level + 1).repeat_interleave(factors)
    most = MOST_RANK if dim > 1 else 1
    found = []
    if order >= 3:
        found += [_of((t,), degrees, level) for t in range(most + 1)]
    if order >= 4:
        kinds = [e for e in product(range(most, -1, -1), repeat=3) if e[0] >= e[1] >= e[2]]
        found += [_of(e, degrees, level) for e in kinds if max(ranks_of(e)) <= most]
    return [x for x in found if len(x.channels)]


def largest_level(order: int, factors: int, dim: int, most: int, highest: int) -> int:
    """Return the largest level, from 1 to `highest`, whose terms times the factors of the center are at most `most`.

    Args:
        order: the body order.
        factors: the number of factors of a body.
        dim: the dimension of space.
        most: the number of functions.
        highest: the largest level to try.
    """
    level = 1
    while level < highest and factors * sum(len(x.channels) for x in terms(order, level + 1, factors, dim)) <= most:
        level += 1
    return level


def _of(exponents: tuple[int, ...], degrees: Tensor, level: int) -> Terms:
    """Return the terms of one kind; of those that differ by a permutation of equal moments there is one."""
    v = 2 if len(exponents) == 1 else 3
    count = len(degrees)
    if v == 2:
        rows = torch.tensor(list(combinations_with_replacement(range(count), 2)))
    else:
        rows = torch.cartesian_prod(*(torch.arange(count),) * 3)
        for a, b in _equal(exponents):
            rows = rows[rows[:, a] <= rows[:, b]]
    total = degrees[rows].sum(1) + sum(exponents)
    return Terms(exponents, rows[total <= level], total[total <= level])


def _equal(exponents: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the pairs of moments whose exchange leaves a contraction of three as it is."""
    a, b, c = exponents
    return [pair for pair, same in (((0, 1), b == c), ((1, 2), a == b)) if same]


def contracted(moments: list[Tensor], found: Terms) -> Float[Tensor, "*batch n terms"]:
    """Return the terms at each point.

    Args:
        moments: A of rank 0, 1, ..., each (*batch, n, channels, d, ..., d).
        found: the terms.
    """
    parts = [
        moments[rank].index_select(moments[0].ndim - 1, found.channels[:, a].to(moments[0].device))
        for a, rank in enumerate(found.ranks)
    ]
    names = _names(found.exponents)
    return torch.einsum(",".join(f"...c{x}" for x in names) + "->...c", *parts)


def _names(exponents: tuple[int, ...]) -> list[str]:
    """Return the names of the indices of each moment, equal where they are contracted."""
    pairs = ((0, 1),) if len(exponents) == 1 else ((0, 1), (0, 2), (1, 2))
    letters, names = iter(LETTERS), [""] * (2 if len(exponents) == 1 else 3)
    for (a, b), e in zip(pairs, exponents, strict=True):
        for _ in range(e):
            letter = next(letters)
            names[a] += letter
            names[b] += letter
    return names
