"""LieResNet: the paper's network, from points with features to one value a point or a cloud."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import linear, silu

from lieham.lift import Lift, Pairs
from lieham.neighbors.monte_carlo import Neighbourhoods, Neighbours
from lieham.nn.blocks import Block, GatedBlock
from lieham.nn.kernel import evaluated
from lieham.nn.norm import MaskedBatchNorm
from lieham.typing import Bool, Float, Int, Tensor

KERNEL_DIM = 16
"""Outputs of a kernel for each output of the network: as many products of features as each can tell apart."""


class LieResNet(nn.Module):
    """lift → embed → blocks → linear → sum over the points: (points, features, mask) → (*batch, out).

    It sees points, whatever they are: bodies, pixels, atoms. With an exact `lift` the output is invariant under
    the lift's group for any weights, and padded points change nothing; where all pairs are seen, permutations of the
    points neither. Finzi et al. 2020, arXiv 2002.12880, figure 5.

    Args:
        lift: from points to pairs.
        features: channels of a point.
        out: outputs.
        width: channels after the embedding.
        blocks: how many.
        block: their class.
        neighbours: random or nearest neighbourhoods, and subsampling; all pairs by default.
        growth: channels after all blocks over those before them, each block having its share.
        norm: batch normalisation in the blocks, and once more with a swish before the last linear map.
        mean: mean over the points in place of the sum.
        kernel_dim: outputs of a kernel.
    """

    def __init__(
        self,
        lift: Lift,
        features: int,
        out: int = 1,
        width: int = 64,
        blocks: int = 1,
        block: type[Block] = GatedBlock,
        *,
        neighbours: Neighbours | None = None,
        growth: float = 1.0,
        norm: bool = False,
        mean: bool = False,
        kernel_dim: int | None = None,
    ):
        super().__init__()
        self.lift, self.mean = lift, mean
        self.near = None if neighbours is None else Neighbourhoods(lift, blocks, neighbours)
        widths = [4 * round(width * growth ** (k / blocks) / 4) if growth != 1 else width for k in range(blocks + 1)]
        self.embed = nn.Linear(lift.feature_dim(features), width)
        kernel_dim = KERNEL_DIM * out if kernel_dim is None else kernel_dim
        self.blocks = nn.ModuleList(block(a, lift, kernel_dim, b, norm) for a, b in pairwise(widths))
        self.norm = MaskedBatchNorm(widths[-1]) if norm else None
        self.readout = nn.Linear(widths[-1], out, bias=False)

    def forward(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch o"]:
        pairs, values = self.local(points, features, mask)
        total = pairs.pool(values)
        return total / mask.sum(-1)[..., None] if self.mean else total

    @property
    def norms(self) -> list[MaskedBatchNorm]:
        """Every batch normalisation, in the order in which values pass through them."""
        inside = [norm for block in self.blocks for norm in block.norms]
        return inside if self.norm is None else [*inside, self.norm]

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the lift and the neighbourhoods sample."""
        self.lift.redraw(generator)
        if self.near is not None:
            self.near.redraw(generator)

    def local(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> tuple[Pairs, Float[Tensor, "*batch m o"]]:
        """The pairs, and the outputs on every lifted point before they are summed."""
        pairs, x, kernel = self._before(points, features, mask)
        return pairs, self.outputs(pairs, x, kernel)

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
        pairs, x, last = self._before(points, features, mask)
        functions = self.blocks[-1].conv.kernel.functions(pairs)

        def total(kernel: Tensor) -> Tensor:
            values = self.outputs(pairs, x, kernel)
            return (pairs.pool(values) if read is None else read(pairs, values)).sum()

        shares = torch.func.grad(total)(last)
        shares = shares if mixing is None else shares @ mixing
        functions = functions if chosen is None else functions[..., chosen]
        batch = points.ndim - 2
        return torch.einsum("...pf,...pk->...fk", functions.flatten(batch, -2), shares.flatten(batch, -2))

    def _before(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Pairs, Tensor, Tensor]:
        """The last block's pairs, the channels of every lifted point before that block, and its kernel."""
        if self.near is None:
            pairs = [self.lift(points, mask)] * len(self.blocks)
            kernels = evaluated([block.conv.kernel for block in self.blocks], pairs[0])
        else:
            pairs = self.near(self.lift, points, mask)
            kernels = [block.conv.kernel(found) for block, found in zip(self.blocks, pairs, strict=True)]
        x = self.embed(pairs[0].lift(features))
        for block, found, kernel in zip(self.blocks[:-1], pairs, kernels, strict=False):
            x = block(found, x, kernel)
        return pairs[-1], x, kernels[-1]

    def outputs(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Float[Tensor, "*batch m o"]:
        """readout(last block); without a norm its W_out and the readout are one matrix, saving `width` channels."""
        last, read = self.blocks[-1], self.readout.weight
        if self.norm is not None:
            return self.readout(silu(self.norm(last(pairs, x, kernel), pairs.targets)))
        inner = last.inner(pairs, x, kernel)
        return self.readout(last.kept(pairs, x)) + linear(inner, read @ last.outward.weight, read @ last.outward.bias)
