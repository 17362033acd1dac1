"""`TensorConv` is a LieConv between functions on the stabiliser, which are known by their tensors."""

from __future__ import annotations

import torch
from torch import nn

from lieham.errors import InputError
from lieham.lift import Lift, Pairs
from lieham.nn.harmonics import Couplings, couplings, harmonics, sizes
from lieham.nn.kernel import Kernel
from lieham.nn.tensor_layers import Channels, Tensors
from lieham.typing import Float, Tensor

SOFT = 0.3
"""The direction of a vector r is u = r/√(s² + |r|²) with this s, in units of the root mean square length of pairs."""

MOST_SEEN = {2: 4, 3: 2}
"""In 2 and 3 dimensions the harmonics of a direction have orders up to this one."""


class TensorConv(nn.Module):
    """A layer that computes h_i = b + Σ_j w_ij Σ_kt R_k(r_ij) Y_t(u_ij) W_kt f_j on the tensors f of points.

    Y are the harmonics of the direction u, and the matrices W_kt combine all products of a harmonic and a tensor that
    are tensors again (`couplings`); where the group holds mirror images, those alone that are mirrored with the points.
    So this is a `LieConv` whose kernel has the outputs R_k Y_t, and its pairs say how it is summed (`Pairs.convolve`).
    Weiler et al. 2018, arXiv 1807.02547.

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
        self.handed = not lift.group.reflections
        self.seen = min(len(c_in) + len(c_out) - 2, MOST_SEEN[self.dim])
        self.bias = nn.Parameter(torch.zeros(c_out[0]))
        self.weights, table = nn.ParameterDict(), self._couplings()
        for (a, k, b), found in table.items():
            fan_in = kernel_dim * sum(len(x) * c_in[m] for (m, _, n), x in table.items() if n == b)
            drawn = torch.randn(len(found), kernel_dim, c_out[b], c_in[a])
            self.weights[f"{a} {k} {b}"] = nn.Parameter(drawn / fan_in**0.5)

    def _couplings(self) -> Couplings:
        """Return the products of the tensors of a source and harmonics that are tensors of a target."""
        table = couplings(self.dim, self.seen, max(len(self.c_in), len(self.c_out)) - 1, self.handed)
        return {key: x for key, x in table.items() if key[0] < len(self.c_in) and key[2] < len(self.c_out)}

    def matrices(self) -> dict[tuple[int, int], dict[int, Float[Tensor, "k o i"]]]:
        """Return the matrices W_kt for each order of a source and of a harmonic, and for each order of a target."""
        found: dict[tuple[int, int], dict[int, Tensor]] = {}
        for (a, k, b), products in self._couplings().items():
            weight = self.weights[f"{a} {k} {b}"]
            blocks = torch.einsum("phab,pkoi->hkboai", products.to(weight), weight)
            found.setdefault((a, k), {})[b] = blocks.flatten(4).flatten(2, 3).flatten(0, 1)
        return found

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
        places = sizes(self.dim, self.seen)
        parts = angular[..., : sum(places)].split(places, -1)
        kernels = [(part[..., :, None] * radial[..., None, :]).flatten(-2) for part in parts]
        table = self.matrices()
        rows: list[list[Tensor]] = [[] for _ in self.c_out]
        for a, source in enumerate(x):
            own = {k: blocks for (m, k), blocks in table.items() if m == a}
            together = [torch.cat(list(blocks.values()), 1) for blocks in own.values()]
            kernel = torch.cat([kernels[k] for k in own], -1)
            found = pairs.convolve_each(kernel, torch.cat(list(source), -1), together)
            for blocks, h in zip(own.values(), found, strict=True):
                targets = h.split([block.shape[1] for block in blocks.values()], -1)
                for b, target in zip(blocks, targets, strict=True):
                    rows[b].append(target)
        scalars, *others = (_unflat(torch.stack(row).sum(0), c) for row, c in zip(rows, self.c_out, strict=True))
        return [scalars + self.bias, *others]


def _unflat(x: Float[Tensor, "*batch n f"], channels: int) -> Tensor:
    """Return the tensors of one order with their components first, (components, *batch, n, channels)."""
    return torch.stack(x.split(channels, -1))


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
