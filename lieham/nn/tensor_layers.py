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
"""The number of channels of the tensors of each order: scalars first."""

Tensors = Sequence[Tensor]
"""The tensors of all points, one entry for each order: (components, *batch, n, channels)."""


class TensorLinear(nn.Module):
    """A layer that mixes the channels of each order, and adds a bias to scalars.

    Args:
        c_in: the channels of each order before.
        c_out: those after, of the same orders or of the first of them.
    """

    def __init__(self, c_in: Channels, c_out: Channels):
        super().__init__()
        sides = zip(c_in, c_out, strict=False)
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=order == 0) for order, (a, b) in enumerate(sides))

    def forward(self, x: Tensors) -> list[Tensor]:
        """Return the mixed tensors."""
        return [layer(part) for layer, part in zip(self.layers, x, strict=False)]


class TensorNorm(nn.Module):
    """A layer that normalizes scalars by a `MaskedBatchNorm`, and divides tensors by their root mean square.

    In training the mean square of a channel's components over the real points is that of the batch, in eval mode its
    running average.

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

    def forward(self, x: Tensors, mask: Bool[Tensor, "*#batch n"]) -> list[Tensor]:
        """Return the normalized tensors; in training, update the running averages.

        Args:
            x: the tensors of the points.
            mask: the padding mask.
        """
        scalars = self.scalars(x[0][0], mask)[None]
        if len(x) == 1:
            return [scalars]
        square = self._measured(x[1:], mask) if self.training else self.square
        factors = (self.weight * (square + self.epsilon).rsqrt()).split([part.shape[-1] for part in x[1:]])
        return [scalars, *(part * factor for part, factor in zip(x[1:], factors, strict=True))]

    def _measured(self, x: Tensors, mask: Tensor) -> Float[Tensor, " c"]:
        """Return the mean square of each channel, and update its running average."""
        if bool(mask.all()):
            found = torch.cat([part.square().flatten(0, -2).mean(0) for part in x])
        else:
            real = mask.expand(x[0].shape[1:-1])
            found = torch.cat([part[:, real].square().mean((0, 1)) for part in x])
        with torch.no_grad():
            self.square.lerp_(found.to(self.square.dtype), self.scalars.momentum)
        return found


def activated(x: Tensors) -> list[Tensor]:
    """Return x_l σ(s), with the scalars s: a swish of the scalars, and tensors gated by scalars of the same number."""
    gate = x[0].sigmoid()
    return [part * gate[..., : part.shape[-1]] for part in x]


class TensorProduct(nn.Module):
    """A layer that multiplies tensors as functions on the circle or the sphere, channel by channel.

    The product is projected onto the orders of its factors. Both are evaluated at the points of a quadrature that
    integrates such products exactly, so turning the factors turns the product.

    Args:
        dim: the dimension of space, 2 or 3.
        channels: the channels that are multiplied, the same number of each order.
        order: the largest order of the tensors.
    """

    def __init__(self, dim: int, channels: int, order: int):
        super().__init__()
        self.channels, self.ends = channels, list(accumulate(sizes(dim, order)))
        points, weight = quadrature(dim, 3 * order)
        self.values = harmonics(points, order)
        self.back = (self.values * weight[:, None]).mT

    def forward(self, x: Tensors, y: Tensors) -> list[Tensor]:
        """Return the product of the first channels of two sets of tensors."""
        f, g = (torch.cat([part[..., : self.channels] for part in z]) for z in (x, y))
        values, back = self.values.to(f), self.back.to(f)
        product = back @ ((values @ f.flatten(1)) * (values @ g.flatten(1)))
        return list(product.view_as(f).tensor_split(self.ends[:-1]))
