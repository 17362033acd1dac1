"""`CloudNetwork` is what all networks of blocks share: a lift, a choice of pairs, and the sum over the points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from lieham.errors import expected
from lieham.lift import Lift, Pairs
from lieham.neighbors import AllPairs, Neighbors
from lieham.nn.kernel import Kernel, evaluated
from lieham.nn.norm import MaskedBatchNorm
from lieham.typing import Bool, Float, Tensor


class CloudNetwork(nn.Module, ABC):
    """A network that maps clouds of points with features to numbers, by blocks that convolve over pairs of points.

    Args:
        lift: the map from points to pairs.
        blocks: the number of blocks.
        mean: True for the mean over the points, in place of the sum.
        neighbors: the choice of pairs that each block sees; by default all of them.

    Raises:
        InputError: if `neighbors` is made for another number of blocks.
    """

    def __init__(self, lift: Lift, blocks: int, mean: bool, neighbors: Neighbors | None = None):
        super().__init__()
        if neighbors is not None and neighbors.blocks != blocks:
            raise expected("neighbors", f"for {blocks} blocks like the network", f"for {neighbors.blocks}")
        self.lift, self.mean = lift, mean
        self.neighbors = AllPairs(blocks) if neighbors is None else neighbors

    @property
    @abstractmethod
    def kernels(self) -> list[Kernel]:
        """Return the kernel of every block, in the order in which the blocks are applied."""

    @property
    @abstractmethod
    def norms(self) -> list[MaskedBatchNorm]:
        """Return every batch normalisation, in the order in which values pass through them."""

    def redraw(self, generator: torch.Generator) -> None:
        """Replace the random draws of the lift and of the neighbourhoods by new ones."""
        self.lift.redraw(generator)
        self.neighbors.redraw(generator)

    def forward(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch o"]:
        """Return the outputs of every cloud.

        Args:
            points: positions, in the model's unit of length.
            features: the channels of the points.
            mask: the padding mask.
        """
        pairs, values = self.local(points, features, mask)
        total = pairs.pool(values)
        return total / mask.sum(-1)[..., None] if self.mean else total

    @abstractmethod
    def local(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> tuple[Pairs, Float[Tensor, "*batch m o"]]:
        """Return the last block's pairs, and the outputs on every lifted point, before they are summed.

        Args:
            points: positions, in the model's unit of length.
            features: the channels of the points.
            mask: the padding mask.
        """

    def _seen(self, pairs: Sequence[Pairs]) -> list[Tensor]:
        """Return the outputs of every block's kernel on its pairs."""
        if all(found is pairs[0] for found in pairs):
            return list(evaluated(self.kernels, pairs[0]))
        return [kernel(found) for kernel, found in zip(self.kernels, pairs, strict=True)]
