"""The products of features by which a sum over pairs can weigh its pairs, and the outputs that give each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from lieham.dynamics.dictionary import Products
from lieham.typing import Bool, Float, Int, Tensor

PROBES = 4
"""Pairs of points by which a product is told, for each product."""
EQUAL = 1e-9
"""Products whose values on every pair differ by less, relative to them, are alike."""


@torch.no_grad()
def products_of(
    shares: Callable[[Tensor], Tensor],
    features: Float[Tensor, "*batch n c"],
    mask: Bool[Tensor, "*batch n"],
    family: Sequence[int] | None = None,
) -> Products | None:
    """Return combinations of the kernel's outputs, one a column, each of which weighs pairs by one product of features.

    With z = (1, features) the k outputs weigh the pair (i, j) by bilinear forms z_i · B_k z_j. They are read off at
    random features, and combined to z_a(i) z_b(j); where all forms are symmetric, to z_a(i) z_b(j) + z_b(i) z_a(j).
    Products that are not among them are left out, and so are those that are alike on all pairs of the given points.

    Args:
        shares: a function that returns how the outputs weigh the first point of a pair with its second, (pairs, k), of
            the channels of both, (pairs, 2, c).
        features: the channels of the points.
        mask: the padding mask.
        family: a number for each channel; products of channels of the same two numbers are of one family. By default
            every product is its own.

    Returns:
        The products, or None where none is among the outputs or no two points are there.
    """
    there = _values(_with_one(features), mask)
    if not len(there):
        return None
    c, precision = features.shape[-1], torch.finfo(features.dtype).eps ** 0.5
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(PROBES * (c + 1) ** 2, 2, c, generator=generator, dtype=torch.float64).to(features)
    forms = torch.linalg.pinv(_outer(*_with_one(probe).unbind(1)).flatten(1)) @ shares(probe).double()
    symmetric = bool((forms - _turned(forms)).abs().max() < precision * forms.abs().max())
    wanted = torch.eye((c + 1) ** 2, dtype=torch.float64, device=features.device)
    label = _families(range(c) if family is None else family, symmetric).to(features.device)
    if symmetric:
        upper = torch.ones(c + 1, c + 1).triu().flatten().bool()
        wanted, label = (wanted + _turned(wanted))[:, upper], label[upper]
    kept = _distinct(there @ wanted)
    wanted, label = wanted[:, kept], label[kept]
    found = torch.linalg.pinv(forms, rtol=precision) @ wanted
    good = (forms @ found - wanted).abs().amax(0) < precision
    return Products(found[:, good].to(features), label[good].unique(return_inverse=True)[1]) if good.any() else None


def _families(channel: Sequence[int], symmetric: bool) -> Int[Tensor, " ab"]:
    """Return a number for each product of z = (1, features), from the number of each channel."""
    number = torch.tensor([-1, *channel])
    a, b = torch.cartesian_prod(number, number).unbind(-1)
    first, second = (torch.minimum(a, b), torch.maximum(a, b)) if symmetric else (a, b)
    return (first + 1) * (int(number.max()) + 2) + second + 1


def _with_one(features: Tensor) -> Float[Tensor, "*batch n c1"]:
    """Return z = (1, features)."""
    return torch.cat([torch.ones_like(features[..., :1]), features], -1).double()


def _outer(u: Tensor, v: Tensor) -> Float[Tensor, "*batch a b"]:
    return u[..., :, None] * v[..., None, :]


def _turned(forms: Float[Tensor, "ab k"]) -> Float[Tensor, "ab k"]:
    """Return forms with their two points exchanged."""
    size = round(len(forms) ** 0.5)
    return forms.unflatten(0, (size, size)).transpose(0, 1).flatten(0, 1)


def _values(z: Float[Tensor, "*batch n c1"], mask: Bool[Tensor, "*batch n"]) -> Float[Tensor, "pairs ab"]:
    """Return z_a(i) z_b(j) for every pair of two different real points."""
    n = mask.shape[-1]
    i, j = torch.ones(n, n, device=z.device).fill_diagonal_(0).nonzero().unbind(1)
    values = _outer(z[..., i, :], z[..., j, :]).flatten(-2)
    return values[mask[..., i] & mask[..., j]]


def _distinct(values: Float[Tensor, "pairs s"]) -> list[int]:
    """Return the numbers of those products that are not alike, up to a factor, to one before them, nor 0 everywhere."""
    kept: list[int] = []
    size = values.abs().amax(0)
    for k in size.nonzero().flatten().tolist():
        own = values[:, k] / size[k]
        others = ((sign * values[:, other] / size[other]) for other in kept for sign in (1, -1))
        if not any(bool(((own - x).abs() <= EQUAL * own.abs()).all()) for x in others):
            kept.append(k)
    return kept
