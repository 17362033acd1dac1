"""This module holds the contract of a choice of neighbors: it says over which pairs each block of a network sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from lieham.lift import Lift, Pairs
from lieham.typing import Bool, Float, Tensor


class Neighbors(nn.Module, ABC):
    """A choice of the pairs over which each block of a network sums.

    A choice names pairs of points; the lift defines the numbers by which a block sees one pair.

    Args:
        blocks: the number of blocks.
    """

    fixed: bool
    complete = False
    """True where all pairs of points are taken, as the lift stores them."""
    """This is True if the choice does not depend on the positions of the points."""

    def __init__(self, blocks: int):
        super().__init__()
        self.blocks = blocks

    @abstractmethod
    def forward(
        self, lift: Lift, points: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]
    ) -> Sequence[Pairs]:
        """Return the pairs of every block; blocks that share their pairs get the same object.

        Args:
            lift: the map from positions to pairs.
            points: positions, in the model's unit of length.
            mask: the padding mask.

        Raises:
            InputError: if the points have another dimension than the group's space, or if the lift cannot compute the
                chosen pairs.
        """

    def calibrate(self, lift: Lift, points: Float[Tensor, "batch n d"], mask: Bool[Tensor, "batch n"]) -> None:
        """Measure on training clouds the numbers on which the choice depends; by default there are none.

        Args:
            lift: the map from positions to pairs.
            points: positions, in the units of `forward`.
            mask: the padding mask.
        """

    def redraw(self, generator: torch.Generator) -> None:
        """Replace the random draws of the choice by new ones; by default there are none."""
