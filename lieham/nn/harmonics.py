"""Harmonics are functions on a circle or a sphere; here are their products, and a quadrature that is exact for them."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import pi, sqrt

import numpy as np
import torch

from lieham.typing import Float, Tensor

Couplings = dict[tuple[int, int, int], Tensor]
"""Couplings map the orders (l, k, l') of a source, a harmonic and a target to the products of the first two that have
the third order, as (products, dim of k, dim of l, dim of l')."""


def sizes(dim: int, order: int) -> tuple[int, ...]:
    """Return the number of components of a tensor of each order: 1, 2, 2, ... in the plane, 1, 3, 5 in space.

    Args:
        dim: the dimension of space, 2 or 3.
        order: the largest order.
    """
    return tuple(1 if k == 0 else 2 if dim == 2 else 2 * k + 1 for k in range(order + 1))


def harmonics(u: Float[Tensor, "*pairs d"], order: int) -> Float[Tensor, "*pairs h"]:
    """Return the harmonics of vectors, which are polynomials: a harmonic of order k grows as |u|^k.

    On the circle or the sphere |u| = 1 they are orthogonal, and the mean of the square of each is 1.

    Args:
        u: vectors in 2 or 3 dimensions.
        order: the largest order, 2 at most in space.

    Returns:
        The harmonics of all orders one after the other, `sum(sizes(d, order))` of them.
    """
    if u.shape[-1] == 2:
        return _circular(u, order)
    x, y, z = u.unbind(-1)
    found = [torch.ones_like(x)]
    if order > 0:
        found += [sqrt(3) * x, sqrt(3) * y, sqrt(3) * z]
    if order > 1:
        a, b = sqrt(15), sqrt(5) / 2
        found += [a * x * y, a * y * z, b * (2 * z * z - x * x - y * y), a * x * z, a / 2 * (x * x - y * y)]
    return torch.stack(found, -1)


def _circular(u: Tensor, order: int) -> Tensor:
    x, y = u.unbind(-1)
    real, imaginary, found = torch.ones_like(x), torch.zeros_like(x), [torch.ones_like(x)]
    for _ in range(order):
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
        found += [sqrt(2) * real, sqrt(2) * imaginary]
    return torch.stack(found, -1)


def quadrature(dim: int, degree: int) -> tuple[Float[Tensor, "s d"], Float[Tensor, " s"]]:
    """Return points on the circle or the sphere, and weights that make means of polynomials of this degree exact.

    Args:
        dim: the dimension of space, 2 or 3.
        degree: the largest degree of the polynomials.
    """
    angle = 2 * pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    ring = torch.stack([angle.cos(), angle.sin()], -1)
    if dim == 2:
        return ring, torch.full((degree + 1,), 1 / (degree + 1), dtype=torch.float64)
    height, weight = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(degree // 2 + 1))
    across = (1 - height.square()).sqrt()[:, None, None] * ring
    points = torch.cat([across, height[:, None, None].expand(-1, degree + 1, 1)], -1)
    return points.flatten(0, 1), (weight / 2 / (degree + 1)).repeat_interleave(degree + 1)


@lru_cache(maxsize=16)
def couplings(dim: int, seen: int, order: int, handed: bool = True) -> Couplings:
    """Return all products of a harmonic and a tensor that are tensors again, in the harmonics' components.

    In space these are the products that keep parity. In the plane the product turned by a right angle is another one,
    and tells left from right.

    Args:
        dim: the dimension of space, 2 or 3.
        seen: the largest order of the harmonics.
        order: the largest order of the tensors.
        handed: False for the products alone that a mirror image of both factors mirrors.
    """
    points, weight = quadrature(dim, seen + 2 * order)
    values = [harmonics(points, k).split(sizes(dim, k), -1)[-1] for k in range(max(seen, order) + 1)]
    found: Couplings = {}
    for a, k, b in product(range(order + 1), range(seen + 1), range(order + 1)):
        one = torch.einsum("s,sk,sa,sb->kab", weight, values[k], values[a], values[b])
        if one.abs().max() > 1e-9:
            one = one * (one.shape[-1] / one.square().sum()).sqrt()  # a mean square of 1 for a component of the outcome
            found[a, k, b] = torch.stack([one, *(_turned(one, dim) if handed else [])])
    return found


def _turned(one: Float[Tensor, "k a b"], dim: int) -> list[Tensor]:
    """Return the product with a factor turned by a right angle, where that is another product."""
    if dim == 3 or one.shape[:2] == (1, 1):
        return []
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=one.dtype)
    return [torch.einsum("ik,kab->iab", turn, one) if len(one) > 1 else torch.einsum("ia,kib->kab", turn, one)]
