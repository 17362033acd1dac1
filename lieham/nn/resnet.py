"""LieResNet: the paper's network, from points with features to one value a point or a cloud."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import linear

from lieham.lift import Lift, Pairs
from lieham.nn.blocks import Block, GatedBlock
from lieham.nn.lieconv import evaluated
from lieham.typing import Bool, Float, Int, Tensor

KERNEL_DIM = 16
"""Outputs of a kernel for each output of the network: as many products of features as each can tell apart."""


class LieResNet(nn.Module):
    """lift → embed → blocks → linear → sum over the points: (points, features, mask) → (*batch, out).

    It sees points, whatever they are: bodies, pixels, atoms. With an exact `lift` the output is invariant under
    the lift's group for any weights, and under permutations of the points; padded points change nothing.
    Finzi et al. 2020, arXiv 2002.12880, figure 5.
    """

    def __init__(
        self, lift: Lift, features: int, out: int = 1, width: int = 64, blocks: int = 1, block: type[Block] = GatedBlock
    ):
        super().__init__()
        self.lift = lift
        self.embed = nn.Linear(lift.feature_dim(features), width)
        self.blocks = nn.ModuleList(block(width, lift, width // 4, KERNEL_DIM * out) for _ in range(blocks))
        self.readout = nn.Linear(width, out, bias=False)

    def forward(
        self,
        points: Float[Tensor, "*batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch o"]:
        pairs, values = self.local(points, features, mask)
        return pairs.pool(values)

    def local(
        self,
        points: Float[Tensor, "*batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> tuple[Pairs, Float[Tensor, "*batch m o"]]:
        """The pairs, and the outputs on every lifted point before they are summed."""
        pairs, x, kernels = self._before(points, features, mask)
        return pairs, self.outputs(pairs, x, kernels[-1])

    def basis(
        self,
        points: Tensor,
        features: Tensor,
        mask: Tensor,
        mixing: Float[Tensor, "k r"] | None = None,
        chosen: Int[Tensor, " c"] | None = None,
        read: Callable[[Pairs, Tensor], Tensor] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Φ_fk = ∂E/∂θ_fk, θ the last kernel's weights (`Kernel.linear`), of E = `read`(pairs, outputs), (*batch,).

        Φ_fk = Σ_pairs φ_f(pair) ∂E/∂K_k(pair), φ the kernel's `functions`; by default E is the sum of `forward`'s
        outputs, in which case E = Σ_fk θ_fk Φ_fk + what the last kernel has no part in, if the last block is linear in
        its kernel. `mixing` combines the outputs k of the kernel into fewer, `chosen` are the functions f wanted.
        """
        pairs, x, kernels = self._before(points, features, mask)
        functions = self.blocks[-1].conv.kernel.functions(pairs)

        def total(kernel: Tensor) -> Tensor:
            values = self.outputs(pairs, x, kernel)
            return (pairs.pool(values) if read is None else read(pairs, values)).sum()

        shares = torch.func.grad(total)(kernels[-1])
        shares = shares if mixing is None else shares @ mixing
        functions = functions if chosen is None else functions[..., chosen]
        batch = points.ndim - 2
        return torch.einsum("...pf,...pk->...fk", functions.flatten(batch, -2), shares.flatten(batch, -2))

    def _before(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Pairs, Tensor, Tensor]:
        """The pairs, the channels of every lifted point before the last block, and the kernels of all blocks."""
        pairs = self.lift(points, mask)
        x = self.embed(pairs.lift(features))
        kernels = evaluated([block.conv.kernel for block in self.blocks], pairs)
        for block, kernel in zip(self.blocks[:-1], kernels, strict=False):
            x = block(pairs, x, kernel)
        return pairs, x, kernels

    def outputs(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Float[Tensor, "*batch m o"]:
        """readout(last block): its W_out and the readout are one matrix, so that `width` channels are not formed."""
        last, read = self.blocks[-1], self.readout.weight
        inner = last.inner(pairs, x, kernel)
        return self.readout(x) + linear(inner, read @ last.outward.weight, read @ last.outward.bias)
