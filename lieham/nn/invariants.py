"""Terms of many bodies: products of moments, contracted to numbers that no rotation changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch

from lieham.lift.handed import dual, exchanged, handed_exponents
from lieham.typing import Bool, Float, Int, Tensor

MOST_RANK = 3
"""Tensors have at most this rank."""
LATER = 3
"""The largest level of terms of four bodies is so much less than that of terms of three."""


@dataclass(frozen=True)
class Terms:
    """Terms of one kind: products of moments A_c of the channels c = (k, f), contracted in the same way.

    With exponents e_ab the term of the channels (c_1, ..., c_ν) is the sum over neighbors j_1, ..., j_ν of
    Π_a R_{c_a}(r_a) Π_{a<b} (u_a·u_b)^{e_ab}: moment a has rank Σ_b e_ab, and shares e_ab indices with moment b. Terms
    that differ in their last moment alone share the product of the others, so that is formed once.

    What is kept of terms is computed by NumPy, since torch wraps what is computed within a transform of torch.func.

    Args:
        exponents: e_ab for a < b in the order (12), (13), (23); e_12 alone for two moments.
        channels: the channels of each term, (terms, ν), in the order of the last one.
        level: the level of each term, (terms,).
        hand: True where one ε is contracted, for which the last moment is multiplied by a matrix (`handed.dual`).
    """

    exponents: tuple[int, ...]
    channels: np.ndarray
    level: np.ndarray
    hand: bool = False
    heads: Int[Tensor, "heads v1"] = field(init=False)
    """The channels of all moments but the last, each combination once."""
    head: Int[Tensor, " terms"] = field(init=False)
    """The number of each term's combination in `heads`."""
    by_last: list[tuple[int, Int[Tensor, " some"]]] = field(init=False)
    """Each last channel with the numbers of the heads that it is multiplied with, in the terms' order."""

    dual: Float[Tensor, "x y"] | None = field(init=False)
    """The matrix of the last moment."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dual", torch.from_numpy(dual(self.exponents)) if self.hand else None)
        heads, head = np.unique(self.channels[:, :-1], axis=0, return_inverse=True)
        lasts, starts = np.unique(self.channels[:, -1], return_index=True)
        head = head.reshape(-1)
        parts = zip(lasts.tolist(), np.split(head, starts[1:]), strict=True)
        object.__setattr__(self, "heads", torch.from_numpy(heads))
        object.__setattr__(self, "head", torch.from_numpy(head))
        object.__setattr__(self, "by_last", [(c, torch.from_numpy(part)) for c, part in parts])

    @property
    def ranks(self) -> tuple[int, ...]:
        """Return the rank of each moment."""
        *others, last = ranks_of(self.exponents)
        return *others, last - (self.hand and len(others) > 1)

    def last(self, moments: list[Tensor]) -> Float[Tensor, "channels x *rest"]:
        """Return the moments that stand last, with the indices by which they are contracted."""
        found = moments[self.ranks[-1]]
        return found if self.dual is None else torch.einsum("xy,cy...->cx...", self.dual.to(found), found)

    def of_last(self, slope: Float[Tensor, "channels x *rest"]) -> Float[Tensor, "channels y *rest"]:
        """Return the derivative by the moments, from that by what `last` returns."""
        return slope if self.dual is None else torch.einsum("xy,cx...->cy...", self.dual.to(slope), slope)

    @property
    def lasts(self) -> int:
        """Return one more than the largest last channel."""
        return self.by_last[-1][0] + 1

    def where(self, kept: np.ndarray) -> Terms:
        """Return those of the terms that are True in an array (terms,)."""
        return Terms(self.exponents, self.channels[kept], self.level[kept], self.hand)


def ranks_of(exponents: tuple[int, ...]) -> tuple[int, ...]:
    """Return the rank of each moment in a contraction with these exponents."""
    if len(exponents) == 3:
        a, b, c = exponents
        return a + b, a + c, b + c
    return (exponents[0],) * 2


def terms(order: int, level: int, factors: int, dim: int, hand: bool = False) -> list[Terms]:
    """Return all terms of more than two bodies, up to a body order and a level.

    Args:
        order: the body order; ν = order − 1 moments are multiplied at most.
        level: the largest level, Σ_a k_a + Σ e_ab, of terms of three bodies; that of four bodies is `LATER` less.
        factors: the number of factors f of a neighbor.
        dim: the dimension of space. On a line u is a sign, so exponents above 1 tell nothing new.
        hand: True for the terms that tell left from right too.
    """
    degrees = np.arange(level + 1).repeat(factors)
    most = MOST_RANK if dim > 1 else 1
    found = []
    if order >= 3:
        found += [_of((t,), degrees, level) for t in range(most + 1)]
    if order >= 4 and level >= LATER:
        kinds = [e for e in product(range(most, -1, -1), repeat=3) if e[0] >= e[1] >= e[2]]
        few = degrees[: factors * (level - LATER + 1)]
        found += [_of(e, few, level - LATER) for e in kinds if max(ranks_of(e)) <= most]
    for e in handed_exponents(order, dim, most) if hand else []:
        top = level if len(e) == 1 else level - LATER
        found.append(_of(e, degrees[: max(factors * (top + 1), 0)], top, hand=True))
    return [x for x in found if x is not None]


def occurring(found: Terms, together: Bool[np.ndarray, "f f"]) -> Bool[np.ndarray, "terms f"]:
    """Return True for terms that a body with factor f has: those all of whose moments are of neighbors that it has.

    Args:
        found: the terms.
        together: True where a body with the first factor has a neighbor with the second one.
    """
    return np.asarray(together[:, found.channels % len(together)].all(-1)).T


def largest_level(
    order: int, dim: int, together: Bool[np.ndarray, "f f"], most: int, highest: int, hand: bool = False
) -> int:
    """Return the largest level, from 1 to `highest`, of which at most `most` terms occur, counted for each factor.

    Args:
        order: the body order.
        dim: the dimension of space.
        together: see `occurring`.
        most: the number of functions.
        highest: the largest level to try.
        hand: see `terms`.
    """
    level, factors = 1, len(together)
    while level < highest:
        if sum(int(occurring(x, together).sum()) for x in terms(order, level + 1, factors, dim, hand)) > most:
            break
        level += 1
    return level


def _of(exponents: tuple[int, ...], degrees: np.ndarray, level: int, hand: bool = False) -> Terms | None:
    """Return the terms of one kind, None for none; those that permute equal moments are taken once.

    With ε they change their sign then, so equal channels give 0.
    """
    v = 2 if len(exponents) == 1 else 3
    rows = np.stack(np.meshgrid(*(np.arange(len(degrees)),) * v, indexing="ij"), -1).reshape(-1, v)
    for a, b in [(0, 1)] if v == 2 else _equal(exchanged(exponents) if hand else exponents):
        rows = rows[rows[:, a] + hand <= rows[:, b]]
    total = degrees[rows].sum(1) + sum(exponents)
    rows, total = rows[total <= level], total[total <= level]
    order = rows[:, -1].argsort(kind="stable")
    return Terms(exponents, rows[order], total[order], hand) if len(rows) else None


def _equal(exponents: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the pairs of moments whose exchange leaves a contraction of three as it is."""
    a, b, c = exponents
    return [pair for pair, same in (((0, 1), b == c), ((1, 2), a == b)) if same]


def head_products(moments: list[Tensor], found: Terms, dim: int) -> Float[Tensor, "heads x *rest"]:
    """Return the product of all moments but the last, with the indices left that the last one is contracted with.

    Args:
        moments: A of rank 0, 1, ..., each (channels, d^rank, *rest).
        found: the terms.
        dim: the dimension d of space.
    """
    ranks, heads = found.ranks, found.heads.to(moments[0].device)
    first = moments[ranks[0]].index_select(0, heads[:, 0])
    if len(ranks) == 2:
        return first
    return contracted(first, moments[ranks[1]].index_select(0, heads[:, 1]), found.exponents, dim)


def contracted(
    first: Float[Tensor, "h x *#r"], second: Float[Tensor, "h y *#r"], exponents: tuple[int, ...], dim: int
) -> Float[Tensor, "h z *r"]:
    """Return products of tensors, contracted over e_12 indices; e_13 + e_23 indices are left, in one axis.

    Args:
        first: tensors of rank e_12 + e_13.
        second: tensors of rank e_12 + e_23.
        exponents: e_12, e_13 and e_23.
        dim: the dimension d of space.
    """
    shared, left, right = (dim**e for e in exponents)
    u = first.unflatten(1, (shared, left, 1))
    v = second.unflatten(1, (shared, 1, right))
    if torch.is_grad_enabled() or u[:, 0].ndim < 5:
        return (u * v).sum(1).flatten(1, 2)
    total = u[:, 0] * v[:, 0]
    for k in range(1, shared):
        total.addcmul_(u[:, k], v[:, k])
    return total.flatten(1, 2)


def values(moments: list[Tensor], found: Terms, dim: int) -> Float[Tensor, terms * rest]:
    """Return the terms themselves.

    Args:
        moments: A of rank 0, 1, ..., each (channels, d^rank, *rest).
        found: the terms.
        dim: the dimension d of space.
    """
    heads, last = head_products(moments, found, dim), found.last(moments)
    return torch.cat([(heads.index_select(0, some.to(last.device)) * last[c]).sum(1) for c, some in found.by_last])


def as_matrix(found: Terms, theta: Float[Tensor, "terms f"]) -> Float[Tensor, "f lasts heads"]:
    """Return the coefficients of terms by their last channels and the combinations of the others; 0 where no term is.

    Args:
        found: the terms.
        theta: their coefficients.
    """
    lasts, count = found.lasts, len(found.heads)
    last = torch.cat([part.new_full((len(part),), c) for c, part in found.by_last])
    place = (last * count + found.head).to(theta.device)
    matrix = theta.new_zeros(lasts * count, theta.shape[1]).index_copy(0, place, theta)
    return matrix.mT.unflatten(1, (lasts, count)).contiguous()


def weighed(
    moments: list[Tensor], found: Terms, matrix: Float[Tensor, "f lasts heads"], dim: int
) -> Float[Tensor, "f points"]:
    """Return Σ θ_bf B_b over the terms b, without forming them: the products are summed before the last contraction.

    Args:
        moments: A of rank 0, 1, ..., each (channels, d^rank, points).
        found: the terms.
        matrix: their coefficients (`as_matrix`).
        dim: the dimension d of space.
    """
    heads, last = head_products(moments, found, dim), found.last(moments)
    factors, lasts, count = matrix.shape
    summed = (matrix.view(-1, count) @ heads.flatten(1)).view(factors, lasts, *heads.shape[1:])
    return (summed * last[:lasts]).sum((1, 2))
