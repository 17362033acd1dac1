"""`TensorConv` is a LieConv between functions on the stabiliser, which are known by their tensors."""

from __future__ import annotations

import torch
from torch import nn

from lieham.errors import InputError
from lieham.lift import Lift, Pairs
from lieham.nn.harmonics import couplings, harmonics, sizes
from lieham.nn.kernel import Kernel
from lieham.nn.tensor_layers import Channels, Tensors, flat, unflat
from lieham.typing import Float, Tensor

SOFT = 0.3
"""The direction of a vector r is u = r/√(s² + |r|²) with this s, in units of the root mean square length of pairs."""

MOST_SEEN = {2: 4, 3: 2}
"""In 2 and 3 dimensions the harmonics of a direction have orders up to this one."""


class TensorConv(nn.Module):
    """A layer that computes h_i = b + Σ_j w_ij Σ_kt R_k(r_ij) Y_t(u_ij) W_kt f_j on the tensors f of points.

    Y are the harmonics of the direction u, and the matrices W_kt combine all products of a harmonic and a tensor that
    are tensors again (`couplings`). So this is a `LieConv` whose kernel has the outputs R_k Y_t, and its pairs say how
    it is summed (`Pairs.convolve`). Weiler et al. 2018, arXiv 1807.02547.

    Args:
        c_in: the channels of each order of the sources.
        c_out: the channels of each order of the targets.
        lift: the lift whose pairs the kernel sees; it gives displacements.
        hidden: the width of the kernel's network.
        kernel_dim: the number of radial functions R_k.
    """

    def __init__(self, c_in: Channels, c_out: Channels, lift: Lift, hidden: int = 32, kernel_dim: int = 4):
        super().__init__()
        self.kernel = Kernel(lift.coordinate_dim, lift.embedding_dim, hidden, kernel_dim)
        self.dim, self.c_in, self.c_out = lift.group.space_dim, c_in, c_out
        self.seen = min(len(c_in) + len(c_out) - 2, MOST_SEEN[self.dim])
        self.bias = nn.Parameter(torch.zeros(c_out[0]))
        self.weights = nn.ParameterList()
        for row in self._products():
            fan_in = kernel_dim * sum(len(found) * c for found, c in zip(row, c_in, strict=True))
            out = c_out[len(self.weights) // len(c_in)]
            drawn = (torch.randn(len(found), kernel_dim, out, c) for found, c in zip(row, c_in, strict=True))
            self.weights.extend(nn.Parameter(x / fan_in**0.5) for x in drawn)

    def _products(self) -> list[list[Float[Tensor, "p h a b"]]]:
        """Return for each order of a target the products with tensors of each order of a source."""
        table = couplings(self.dim, self.seen, max(len(self.c_in), len(self.c_out)) - 1)
        return [[table[a, b] for a in range(len(self.c_in))] for b in range(len(self.c_out))]

    def matrices(self) -> Float[Tensor, "k o i"]:
        """Return the matrices W_kt between all components of a source and of a target, which the weights combine."""
        rows, weights = [], iter(self.weights)
        for row in self._products():
            blocks = [torch.einsum("phab,pkoi->hkboai", x.to(w), w) for x, w in zip(row, weights, strict=False)]
            rows.append(torch.cat([block.flatten(4).flatten(2, 3).flatten(0, 1) for block in blocks], -1))
        return torch.cat(rows, -2)

    def forward(
        self, pairs: Pairs, x: Tensors, radial: Float[Tensor, "*pairs k"], angular: Float[Tensor, "*pairs h"]
    ) -> list[Tensor]:
        """Return the convolution h on the targets.

        Args:
            pairs: the pairs.
            x: the tensors f of the sources.
            radial: the outputs R of the kernel.
            angular: the harmonics Y of the pairs, of the orders that are `seen` or of more.
        """
        angular = angular[..., : sum(sizes(self.dim, self.seen))]
        kernel = (angular[..., :, None] * radial[..., None, :]).flatten(-2)
        h = unflat(pairs.convolve(kernel, flat(x), self.matrices()), self.dim, self.c_out)
        return [h[0] + self.bias, *h[1:]]


def directions(pairs: Pairs, order: int) -> Float[Tensor, "*pairs h"]:
    """Return the harmonics of the directions of pairs, which are smooth where points meet.

    Args:
        pairs: pairs with displacements.
        order: the largest order.

    Raises:
        InputError: if the pairs have no displacements.
    """
    r = pairs.displacement
    if r is None:
        raise InputError("lift must be tensor for directions of pairs, got one that gives invariants alone")
    return harmonics(r * (SOFT**2 + r.square().sum(-1, keepdim=True)).rsqrt(), order)
