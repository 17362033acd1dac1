"""`TensorConv` is a LieConv between functions on the stabiliser, which it knows by their tensors."""

from __future__ import annotations

import torch
from torch import nn

from lieham.lift import Lift, Pairs
from lieham.nn.harmonics import couplings, harmonics, sizes
from lieham.nn.kernel import Kernel
from lieham.nn.tensor_layers import Channels, Tensors, flat, unflat
from lieham.typing import Float, Tensor

SOFT = 0.3
"""Directions are u = r/√(s² + r²) with this s, in units of the root mean square distance of pairs."""


class TensorConv(nn.Module):
    """A layer that computes h_i = b + Σ_j w_ij Σ_bk R_b(r_ij) Y_k(u_ij) W_bk f_j on tensors.

    Y are the harmonics of the direction, and the matrices W_bk are those combinations of products of a harmonic and a
    tensor that are tensors again. So this is a `LieConv` whose kernel has the outputs R_b Y_k.

    Args:
        c_in: the channels of each order of the sources.
        c_out: those of the targets.
        lift: the lift whose pairs the kernel sees.
        hidden: the width of the kernel's network.
        kernel_dim: the number of radial functions R_b.
    """

    def __init__(self, c_in: Channels, c_out: Channels, lift: Lift, hidden: int = 32, kernel_dim: int = 4):
        super().__init__()
        self.kernel = Kernel(lift.coordinate_dim, lift.embedding_dim, hidden, kernel_dim)
        self.dim, self.c_in, self.c_out = lift.group.space_dim, c_in, c_out
        source, target = len(c_in) - 1, len(c_out) - 1
        self.seen = 2 if self.dim == 3 else source + target
        self.bias = nn.Parameter(torch.zeros(c_out[0]))
        self.weights = nn.ParameterList()
        for b, out in enumerate(c_out):
            found = [self._couplings()[a, b] for a in range(source + 1)]
            fan = kernel_dim * sum(len(x) * c for x, c in zip(found, c_in, strict=True))
            for x, c in zip(found, c_in, strict=True):
                self.weights.append(nn.Parameter(torch.randn(len(x), kernel_dim, out, c) / fan**0.5))

    def _couplings(self):
        return couplings(self.dim, self.seen, max(len(self.c_in), len(self.c_out)) - 1)

    def matrices(self) -> Float[Tensor, "k o i"]:
        """Return the matrices W_bk between all tensors of a source and of a target."""
        table, rows, own = self._couplings(), [], iter(self.weights)
        for b in range(len(self.c_out)):
            blocks = []
            for a in range(len(self.c_in)):
                weight = next(own)
                products = table[a, b].to(weight)
                block = torch.einsum("phxy,pboi->hbyoxi", products, weight)
                blocks.append(block.flatten(4, 5).flatten(2, 3).flatten(0, 1))
            rows.append(torch.cat(blocks, -1))
        return torch.cat(rows, -2)

    def forward(self, pairs: Pairs, x: Tensors, radial: Tensor, angular: Tensor) -> Tensors:
        """Return the convolution on the targets.

        Args:
            pairs: the pairs.
            x: the tensors of the sources.
            radial: the outputs R of the kernel.
            angular: the harmonics of the pairs' directions.
        """
        angular = angular[..., : sum(sizes(self.dim, self.seen))]
        kernel = (angular[..., :, None] * radial[..., None, :]).flatten(-2)
        h = unflat(pairs.convolve(kernel, flat(x), self.matrices()), self.dim, self.c_out)
        return [h[0] + self.bias, *h[1:]]


def directions(pairs: Pairs, order: int) -> Float[Tensor, "*pairs h"]:
    """Return the harmonics of the soft directions of pairs."""
    r = pairs.displacement
    return harmonics(r * (SOFT**2 + r.square().sum(-1, keepdim=True)).rsqrt(), order)
