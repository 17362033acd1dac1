"""Moments of a neighborhood, the functions of them, and the derivatives of these by the positions of all bodies."""

from __future__ import annotations

from typing import NamedTuple

import torch

from lieham.lift.tensor import Neighborhood, TensorLift
from lieham.nn.invariants import Terms, contracted, head_products, values
from lieham.typing import Bool, Float, Tensor


class Moments(NamedTuple):
    """The moments of all points, the channels first, so that products of channels are products of rows.

    Args:
        plain: Σ_j of the functions of two bodies times g_f(j), (p f, points).
        tensors: Σ_j R_k u^⊗t g_f(j) for t = 0, 1, ..., each (k f, d^t, points).
    """

    plain: Float[Tensor, pf * rest]
    tensors: list[Tensor]


def largest_rank(kinds: list[Terms]) -> int:
    """Return the largest rank of a moment that the terms need."""
    return max((max(x.ranks) for x in kinds), default=0)


def moments(seen: Neighborhood, factors: Float[Tensor, "b n f"], rank: int) -> Moments:
    """Return the moments up to a rank of b n points.

    Args:
        seen: the functions of all pairs, (b, n, n, ...).
        factors: the factors g_f(j) of the neighbors.
        rank: the largest rank.
    """
    tensor, found = torch.ones_like(seen.direction[..., :1]), []
    for t in range(rank + 1):
        tensor = _outer(tensor, seen.direction) if t else tensor
        found.append(moments_of(seen.radial, tensor, factors))
    return Moments(moments_of(seen.plain, torch.ones_like(tensor[..., :1]), factors)[:, 0], found)


def moments_of(
    radial: Float[Tensor, "b i j k"], tensor: Float[Tensor, "b i j x"], factors: Float[Tensor, "b j f"]
) -> Float[Tensor, "kf x bi"]:
    """Return Σ_j R_k(ij) t_x(ij) g_f(j) of all points.

    Args:
        radial: the radial functions R of all pairs, 0 for a point with itself.
        tensor: the components t of the tensors of all pairs.
        factors: the factors g of the neighbors.
    """
    each = radial.mT @ _outer(factors[:, None], tensor)
    return each.unflatten(-1, (factors.shape[-1], -1)).permute(2, 3, 4, 0, 1).flatten(3).flatten(0, 1)


def functions(found: Moments, kinds: list[Terms], dim: int) -> Float[Tensor, "functions points"]:
    """Return the functions of two bodies, and then the terms of more, at each point."""
    return torch.cat([found.plain, *(values(found.tensors, x, dim) for x in kinds)])


def slopes_of_moments(
    lift: TensorLift,
    x: Float[Tensor, "b n d"],
    mask: Bool[Tensor, "b n"],
    factors: Float[Tensor, "b n f"],
    sizes: tuple[int, int],
) -> tuple[Moments, Moments]:
    """Return the moments and their derivatives by all coordinates; those have an axis of n d before that of points.

    Each pair is differentiated once along each axis, by forward derivatives. Moving a neighbor changes one pair, and
    moving the point itself all of them by as much the other way.

    Args:
        lift: the lift.
        x: positions, in the network's unit of length.
        mask: the padding mask.
        factors: the factors of the bodies, 0 for padding.
        sizes: the largest degree of a radial function and the largest rank.
    """
    degree, rank = sizes
    r, apart = x.unsqueeze(-3) - x.unsqueeze(-2), lift.apart(mask).to(x.dtype)[..., None]

    def pairs(r: Tensor) -> list[Tensor]:
        plain, radial, direction = lift.of_displacements(r, degree)
        found, tensor = [(plain * apart)[..., None]], torch.ones_like(direction[..., :1])
        for t in range(rank + 1):
            tensor = _outer(tensor, direction) if t else tensor
            found.append((radial * apart)[..., None] * tensor[..., None, :])
        return found

    axes = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    along = torch.func.vmap(lambda e: torch.func.jvp(pairs, (r,), (e.expand_as(r),))[1])(axes)
    plain, *tensors = (_moved(slope, factors) for slope in along)
    return moments(lift.neighborhood(x, mask, degree), factors, rank), Moments(plain[:, 0], tensors)


def _moved(slope: Float[Tensor, "axis b i j k x"], factors: Float[Tensor, "b j f"]) -> Float[Tensor, "kf x nd bi"]:
    """Return how moments change as bodies move, from how the functions of each pair change with its vector."""
    each = slope.permute(4, 5, 3, 0, 1, 2)[:, None] * factors.permute(2, 1, 0)[:, None, :, None, :, None]
    own = each.diagonal(dim1=3, dim2=6)
    own.copy_(-each.sum(3))
    return each.flatten(5).flatten(3, 4).flatten(0, 1)


def slopes_of_functions(
    at: Moments, moved: Moments, kinds: list[Terms], dim: int
) -> Float[Tensor, "functions nd points"]:
    """Return the derivatives of all functions at each point, from the moments and theirs, by the product rule.

    It is what forward derivatives of `functions` give, with no product formed twice.

    Args:
        at: the moments.
        moved: their derivatives.
        kinds: the terms.
        dim: the dimension of space.
    """
    count = len(at.plain) + sum(len(x.channels) for x in kinds)
    found = moved.plain.new_empty(count, *moved.plain.shape[1:])
    found[: len(at.plain)] = moved.plain
    place = len(at.plain)
    for x in kinds:
        heads, slopes = head_products(at.tensors, x, dim), _slopes_of_heads(at.tensors, moved.tensors, x, dim)
        last, last_moved = x.last(at.tensors), x.last(moved.tensors)
        for c, some in x.by_last:
            out = found[place : place + len(some)]
            some = some.to(heads.device)
            few, few_moved = heads.index_select(0, some)[:, :, None], slopes.index_select(0, some)
            torch.mul(few_moved[:, 0], last[c, 0], out=out)
            out.addcmul_(few[:, 0], last_moved[c, 0])
            for k in range(1, last.shape[1]):
                out.addcmul_(few_moved[:, k], last[c, k]).addcmul_(few[:, k], last_moved[c, k])
            place += len(some)
    return found


def _slopes_of_heads(
    at: list[Tensor], moved: list[Tensor], found: Terms, dim: int
) -> Float[Tensor, "heads x nd points"]:
    ranks, heads = found.ranks, found.heads.to(at[0].device)
    first = moved[ranks[0]].index_select(0, heads[:, 0])
    if len(ranks) == 2:
        return first
    second = moved[ranks[1]].index_select(0, heads[:, 1])
    u, v = (at[ranks[k]].index_select(0, heads[:, k])[:, :, None] for k in (0, 1))
    return contracted(first, v, found.exponents, dim) + contracted(u, second, found.exponents, dim)


def _outer(a: Float[Tensor, "*#batch x"], b: Float[Tensor, "*#batch y"]) -> Float[Tensor, "*batch xy"]:
    return (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2)
