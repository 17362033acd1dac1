"""`TensorResNet` is a LieResNet whose points carry tensors."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn.functional import pad

from lieham._support.numerics import check_precision
from lieham.errors import expected
from lieham.lift import Lift, Pairs
from lieham.neighbors import AllPairs, Neighbors
from lieham.nn.kernel import evaluated
from lieham.nn.resnet import NetworkSettings
from lieham.nn.tensor_conv import TensorConv, directions
from lieham.nn.tensor_layers import (
    Channels,
    TensorLinear,
    TensorNorm,
    TensorProduct,
    Tensors,
    activated,
    flat,
    unflat,
)
from lieham.typing import Bool, Float, Tensor

ORDER = 2


def channels(width: int, order: int) -> Channels:
    """Return the channels of each order: tensors have half as many as scalars."""
    return (width, *[width // 2] * order)


class TensorBlock(nn.Module):
    """A residual block."""

    def __init__(self, c_in: Channels, c_out: Channels, lift: Lift, kernel_dim: int):
        super().__init__()
        self.dim, self.c_in, self.c_out = lift.group.space_dim, c_in, c_out
        low, high = (tuple(c // 4 for c in x) for x in (c_in, c_out))
        self.inward = TensorLinear(c_in, low)
        self.conv = TensorConv(low, high, lift, kernel_dim=kernel_dim)
        self.left, self.right = TensorLinear(high, high), TensorLinear(high, high)
        self.product = TensorProduct(self.dim, high)
        self.outward = TensorLinear(tuple(c + high[-1] for c in high), c_out)
        self.norms = nn.ModuleList(TensorNorm(c) for c in (c_in, low, high))

    def forward(self, pairs: Pairs, x: Tensors, radial: Tensor, angular: Tensor) -> Tensors:
        y = self.inward(activated(self.norms[0](x, pairs.sources)))
        y = self.conv(pairs, activated(self.norms[1](y, pairs.sources)), radial, angular)
        y = activated(self.norms[2](y, pairs.targets))
        more = self.product(self.left(y), self.right(y))
        y = self.outward([torch.cat(both, -1) for both in zip(y, more, strict=True)])
        kept = unflat(pairs.kept(flat(x)), self.dim, self.c_in)
        return [y[k] + pad(kept[k], (0, self.c_out[k] - self.c_in[k])) if k < len(kept) else y[k] for k in range(len(y))]


class TensorResNet(nn.Module):
    def __init__(
        self,
        lift: Lift,
        features: int,
        out: int = 1,
        settings: NetworkSettings | None = None,
        neighbors: Neighbors | None = None,
    ):
        super().__init__()
        settings = NetworkSettings() if settings is None else settings
        if neighbors is not None and neighbors.blocks != settings.blocks:
            raise expected("neighbors", f"for {settings.blocks} blocks like the network", f"for {neighbors.blocks}")
        self.lift, self.mean = lift, settings.mean
        self.neighbors = AllPairs(settings.blocks) if neighbors is None else neighbors
        widths = settings.widths()
        self.embed = nn.Linear(lift.feature_dim(features), settings.width)
        wide = [(widths[0],), *(channels(w, ORDER) for w in widths[1:])]
        kernel_dim = settings.kernel_dim or 4
        self.blocks = nn.ModuleList(TensorBlock(a, b, lift, kernel_dim) for a, b in pairwise(wide))
        self.norm = TensorNorm(wide[-1])
        self.readout = nn.Linear(widths[-1], out, bias=False)

    @property
    def layers(self):
        return tuple(self.blocks)

    @property
    def norms(self):
        return [m for m in self.modules() if isinstance(m, TensorNorm)]

    def redraw(self, generator: torch.Generator) -> None:
        """Replace the random draws of the lift and of the neighbourhoods by new ones."""
        self.lift.redraw(generator)
        self.neighbors.redraw(generator)

    def forward(self, points, features, mask):
        check_precision("positions", points, self.embed.weight)
        layers, pairs = self.layers, self.neighbors(self.lift, points, mask)
        most = max(block.conv.seen for block in layers)
        if all(found is pairs[0] for found in pairs):
            radial = list(evaluated([block.conv.kernel for block in layers], pairs[0]))
            angular = [directions(pairs[0], most)] * len(layers)
        else:
            radial = [block.conv.kernel(found) for block, found in zip(layers, pairs, strict=True)]
            angular = [directions(found, block.conv.seen) for block, found in zip(layers, pairs, strict=True)]
        x = [self.embed(pairs[0].lift(features)).unsqueeze(-2)]
        for block, found, r, a in zip(layers, pairs, radial, angular, strict=True):
            x = block(found, x, r, a)
        values = self.readout(activated(self.norm(x, pairs[-1].targets)[:1])[0].squeeze(-2))
        total = pairs[-1].pool(values)
        return total / mask.sum(-1)[..., None] if self.mean else total
