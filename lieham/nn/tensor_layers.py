"""The layers here act on the tensors of each point: linear maps, normalization, activation and products."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import nn

from lieham.nn.harmonics import harmonics, quadrature, sizes
from lieham.nn.norm import MaskedBatchNorm
from lieham.typing import Bool, Float, Tensor

Channels = tuple[int, ...]
"""The number of channels of each order."""

Tensors = list[Tensor]
"""The tensors of each point, one entry for each order: (*batch, n, components, channels)."""


def flat(x: Tensors) -> Float[Tensor, "*batch n f"]:
    """Return all tensors of a point in one row."""
    return torch.cat([part.flatten(-2) for part in x], -1) if len(x) > 1 else x[0].flatten(-2)


def unflat(x: Float[Tensor, "*batch n f"], dim: int, channels: Channels) -> Tensors:
    """Return the tensors that `flat` put into rows."""
    places = sizes(dim, len(channels) - 1)
    parts = x.split([a * c for a, c in zip(places, channels, strict=True)], -1)
    return [part.unflatten(-1, (a, c)) for part, a, c in zip(parts, places, channels, strict=True)]


class TensorLinear(nn.Module):
    """A layer that mixes the channels of each order, (*, components, c_in) → (*, components, c_out); scalars get a bias.

    Args:
        c_in: the channels of each order before.
        c_out: those after, of the same orders or of fewer.
    """

    def __init__(self, c_in: Channels, c_out: Channels):
        super().__init__()
        pairs = list(zip(c_in, c_out, strict=False))
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=k == 0) for k, (a, b) in enumerate(pairs))

    def forward(self, x: Tensors) -> Tensors:
        """Return the mixed tensors."""
        return [layer(part) for layer, part in zip(self.layers, x, strict=False)]


class TensorNorm(nn.Module):
    """A layer that normalizes scalars as `MaskedBatchNorm` does, and divides tensors by their root mean square.

    Args:
        channels: the channels of each order.
        epsilon: the number that is added to mean squares.
    """

    square: Tensor

    def __init__(self, channels: Channels, epsilon: float = 1e-5):
        super().__init__()
        self.scalars, self.epsilon = MaskedBatchNorm(channels[0]), epsilon
        self.weight = nn.Parameter(torch.ones(sum(channels[1:])))
        self.register_buffer("square", torch.ones(sum(channels[1:])))

    def forward(self, x: Tensors, mask: Bool[Tensor, "*#batch n"]) -> Tensors:
        """Return the normalized tensors; in training, update the running averages.

        Args:
            x: the tensors of the points.
            mask: the padding mask.
        """
        scalars = self.scalars(x[0].squeeze(-2), mask).unsqueeze(-2)
        if len(x) == 1:
            return [scalars]
        square = self._square(x[1:], mask) if self.training else self.square
        factor = (self.weight * (square + self.epsilon).rsqrt()).split([part.shape[-1] for part in x[1:]])
        return [scalars, *(part * own for part, own in zip(x[1:], factor, strict=True))]

    def _square(self, x: Sequence[Tensor], mask: Tensor) -> Float[Tensor, " c"]:
        """Return the mean square of a component of each channel over real points, and update its running average."""
        if bool(mask.all()):
            found = torch.cat([part.square().flatten(0, -2).mean(0) for part in x])
        else:
            real = mask.expand(x[0].shape[:-2])
            found = torch.cat([part.square().mean(-2)[real].mean(0) for part in x])
        with torch.no_grad():
            self.square.lerp_(found.to(self.square.dtype), self.scalars.momentum)
        return found


def activated(x: Tensors) -> Tensors:
    """Return x_l σ(s): a swish of the scalars s, and tensors that are gated by the first scalars."""
    gate = x[0].sigmoid()
    return [part * gate[..., : part.shape[-1]] for part in x]


class TensorProduct(nn.Module):
    """A layer that multiplies tensors as functions on the circle or the sphere, channel by channel.

    The product is projected onto the orders of its factors; a quadrature makes this exact.

    Args:
        dim: the dimension of space.
        channels: the channels of each order; all tensors have equally many, and scalars at least as many.
    """

    def __init__(self, dim: int, channels: Channels):
        super().__init__()
        self.channels, self.common, order = channels, channels[-1], len(channels) - 1
        points, weight = quadrature(dim, 3 * order)
        self.register_buffer("values", harmonics(points, order), persistent=False)
        self.register_buffer("back", self.values * weight[:, None], persistent=False)
        self.ends = list(accumulate(sizes(dim, order)))

    def forward(self, x: Tensors, y: Tensors) -> Tensors:
        """Return the product of two functions."""
        f, g = (torch.cat([part[..., : self.common] for part in z], -2) for z in (x, y))
        product = (self.back.mT @ ((self.values @ f) * (self.values @ g)))
        return list(product.tensor_split(self.ends[:-1], -2))
