"""Farthest-point subsampling chooses a few elements of a cloud that represent all of them."""

from __future__ import annotations

import torch

from lieham.typing import Bool, Float, Int, Tensor

JITTER = 1e-2
"""Distances are changed by up to this fraction, by the element's number, so that ties, of which a grid is full, are
broken in the same way in every orientation of the cloud."""


def farthest_first(
    distance: Float[Tensor, "batch m m"], real: Bool[Tensor, "batch m"], count: int
) -> Int[Tensor, "batch count"]:
    """Return the numbers of `count` elements: the first real one, then always the one farthest from those before it.

    For every t, the first t of them are well spread over the cloud. Gonzalez 1985; Finzi et al. 2020, section A.2.

    Args:
        distance: distances of all elements.
        real: the padding mask; padded elements come last.
        count: the number of elements wanted.

    Example:
        >>> import torch
        >>> from lieham.neighbors import farthest_first
        >>> x = torch.tensor([0.0, 1.0, 5.0, 9.0])
        >>> farthest_first((x[:, None] - x).abs()[None], torch.ones(1, 4, dtype=torch.bool), 3)
        tensor([[0, 3, 2]])
    """
    batch, m = real.shape
    rows = torch.arange(batch, device=real.device)
    own = 1 + JITTER * hashed_uniform(torch.arange(m, device=real.device), 0).to(distance.dtype)
    nearest = torch.where(real, float("inf"), -1.0).to(distance.dtype)
    order = torch.empty(batch, count, dtype=torch.long, device=real.device)
    chosen = real.long().argmax(-1)
    for k in range(count):
        order[:, k] = chosen
        nearest = torch.minimum(nearest, distance[rows, chosen] * own)
        nearest[rows, chosen] = -2.0
        chosen = nearest.argmax(-1)
    return order


def hashed_uniform(number: Int[Tensor, "*shape"], seed: int | Int[Tensor, ""]) -> Float[Tensor, "*shape"]:
    """Hash whole numbers to float64 values in [0, 1), so that each value depends on its number and the seed alone.

    This is the finalizer of SplitMix64 (Steele, Lea, Flood 2014), in arithmetic that wraps around.

    Args:
        number: whole numbers.
        seed: the seed of the hash.
    """
    z = number + torch.as_tensor(seed + 1, device=number.device) * -7046029254386353131
    z = (z ^ _shifted(z, 30)) * -4658895280553007687
    z = (z ^ _shifted(z, 27)) * -7723592293110705685
    return _shifted(z ^ _shifted(z, 31), 11).double() * 2.0**-53


def _shifted(z: Tensor, by: int) -> Tensor:
    """Return z >> by, where z is read as an unsigned number."""
    return (z >> by) & ((1 << (64 - by)) - 1)
