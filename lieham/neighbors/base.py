"""The contract of a choice of neighbors: which pairs of points each block of a network looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from lieham.lift import Lift, Pairs
from lieham.typing import Bool, Float, Tensor


class Neighbors(nn.Module, ABC):
    """A choice of the pairs that each block of a network convolves over.

    A choice says which pairs are looked at; what is seen of one pair is the lift's to say.

    Args:
        blocks: the number of blocks.
    """

    fixed: bool
    """Whether the choice is the same wherever the points are."""

    def __init__(self, blocks: int):
        super().__init__()
        self.blocks = blocks

    @abstractmethod
    def forward(
        self, lift: Lift, points: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]
    ) -> Sequence[Pairs]:
        """Return the pairs of every block; the same object where blocks share them.

        Args:
            lift: the map from positions to pairs.
            points: positions, in the model's unit of length.
            mask: the padding mask.

        Raises:
            InputError: if the points have another dimension than the group's space, or the lift cannot name the
                pairs that are chosen.
        """

    def calibrate(self, lift: Lift, points: Float[Tensor, "batch n d"], mask: Bool[Tensor, "batch n"]) -> None:
        """Measure on training clouds, in the units of `forward`, what the choice depends on; by default nothing."""

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the choice draws at random; by default nothing."""
