"""LieResNet: the paper's network, from points with features to one value a point or a cloud."""

from __future__ import annotations

from torch import nn

from lieham.lift import Lift, Pairs
from lieham.nn.blocks import Block, GatedBlock
from lieham.typing import Bool, Float, Tensor


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
        self.blocks = nn.ModuleList(block(width, lift, width // 4) for _ in range(blocks))
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
        pairs = self.lift(points, mask)
        x = self.embed(pairs.lift(features))
        for block in self.blocks:
            x = block(pairs, x)
        return pairs, self.readout(x)
