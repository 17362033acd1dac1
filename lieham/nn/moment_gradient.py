"""The gradient of a sum of many-body terms by the positions, in reverse mode, written out.

It equals what automatic differentiation of the same sum gives, and takes a fourth of its time where no gradient by
anything else is wanted: nothing is recorded, and no product is formed that is not needed.
"""

from __future__ import annotations

import torch

from lieham.lift.tensor import TensorLift
from lieham.nn.invariants import Terms, contracted
from lieham.nn.moments import moments_of
from lieham.typing import Bool, Float, Tensor


def moment_gradient(
    lift: TensorLift,
    kinds: list[Terms],
    at: tuple[Float[Tensor, "b n d"], Bool[Tensor, "b n"], Float[Tensor, "b n f"]],
    sizes: tuple[int, int],
    theta: list[Tensor],
) -> Float[Tensor, "b n d"]:
    """Return ∂V/∂x.

    Args:
        lift: the lift.
        kinds: the terms.
        at: positions in the network's unit of length, the padding mask, and the factors, which are 0 for padding.
        sizes: the largest degree of a radial function and the largest rank.
        theta: the coefficients of the functions of two bodies, (f, p f), and of each kind of terms (`as_matrix`).
    """
    x, mask, factors = at
    r, apart = x.unsqueeze(-3) - x.unsqueeze(-2), lift.apart(mask).to(x.dtype)[..., None]
    squared = r.square().sum(-1)
    (_, radial, shrink), (plain_slope, radial_slope, shrink_slope) = lift.with_slopes(squared, sizes[0])
    radial, direction = radial * apart, r * shrink[..., None]
    powers = [torch.ones_like(direction[..., :1]), direction]
    for _ in range(sizes[1] - 1):
        powers.append((powers[-1].unsqueeze(-1) * direction.unsqueeze(-2)).flatten(-2))
    found = [moments_of(radial, y, factors) for y in powers[: sizes[1] + 1]]
    by_moment = _by_moments(found, kinds, theta[1:], factors.movedim(-1, 0).flatten(1), x.shape[-1])
    by_plain = torch.einsum("gpf,big,bjf->bijp", theta[0].unflatten(1, (-1, factors.shape[-1])), factors, factors)
    by_squared = (by_plain * (plain_slope * apart)).sum(-1)
    by_radial, by_direction = _by_pairs(by_moment, radial, powers, factors)
    by_squared = by_squared + (by_radial * (radial_slope * apart)).sum(-1) + (by_direction * r).sum(-1) * shrink_slope
    by_r = 2 * r * by_squared[..., None] + by_direction * shrink[..., None]
    return by_r.sum(-3) - by_r.sum(-2)


def _by_moments(
    found: list[Tensor], kinds: list[Terms], theta: list[Tensor], center: Float[Tensor, "f points"], dim: int
) -> list[Tensor]:
    """Return the derivatives of V by the moments."""
    total = [torch.zeros_like(x) for x in found]
    for kind, matrix in zip(kinds, theta, strict=True):
        ranks, heads = kind.ranks, kind.heads.to(center.device)
        first = found[ranks[0]].index_select(0, heads[:, 0])
        second = found[ranks[1]].index_select(0, heads[:, 1]) if len(ranks) == 3 else None
        product = first if second is None else contracted(first, second, kind.exponents, dim)
        factors, lasts, count = matrix.shape
        whole = matrix.view(-1, count)
        summed = (whole @ product.flatten(1)).view(factors, lasts, *product.shape[1:])
        total[ranks[-1]][:lasts] += kind.of_last((summed * center[:, None, None]).sum(0))
        last = kind.last(found)[:lasts] * center[:, None, None]
        by_product = (whole.mT @ last.flatten(2).flatten(0, 1)).view_as(product)
        if second is None:
            total[ranks[0]].index_add_(0, heads[:, 0], by_product)
            continue
        shared, left, right = (dim**e for e in kind.exponents)
        u, v = first.unflatten(1, (shared, left, 1)), second.unflatten(1, (shared, 1, right))
        back = by_product.unflatten(1, (1, left, right))
        total[ranks[0]].index_add_(0, heads[:, 0], (back * v).sum(3).flatten(1, 2))
        total[ranks[1]].index_add_(0, heads[:, 1], (back * u).sum(2).flatten(1, 2))
    return total


def _by_pairs(
    by_moment: list[Tensor], radial: Tensor, powers: list[Tensor], factors: Float[Tensor, "b n f"]
) -> tuple[Float[Tensor, "b i j k"], Float[Tensor, "b i j d"]]:
    """Return the derivatives of V by the radial functions and by the soft directions of all pairs."""
    by_radial, by_direction = torch.zeros_like(radial), torch.zeros_like(powers[1])
    by_power: list[Tensor] = []
    for moment, power in zip(by_moment, powers, strict=False):
        each = moment.unflatten(0, (-1, factors.shape[-1])).unflatten(-1, factors.shape[:2])
        pair = torch.einsum("kfxbi,bjf->bijkx", each, factors)
        by_radial = by_radial + (pair @ power[..., None])[..., 0]
        by_power.append((radial[..., None, :] @ pair)[..., 0, :])
    for rank in range(len(by_power) - 1, 1, -1):  # u^⊗t = u^⊗(t−1) ⊗ u
        both = by_power[rank].unflatten(-1, (-1, powers[1].shape[-1]))
        by_power[rank - 1] = by_power[rank - 1] + (both @ powers[1][..., None])[..., 0]
        by_direction = by_direction + (powers[rank - 1][..., None, :] @ both)[..., 0, :]
    return by_radial, by_direction + by_power[1] if len(by_power) > 1 else by_direction
