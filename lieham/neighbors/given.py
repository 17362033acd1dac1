"""`GivenPairs` lets all blocks use a list of pairs that the caller gives."""

from __future__ import annotations

from collections.abc import Sequence

from lieham.lift import Lift, PairList, Pairs
from lieham.neighbors.base import Neighbors
from lieham.typing import Tensor


class GivenPairs(Neighbors):
    """A choice that takes the pairs of one given list, for all blocks alike.

    The list is not saved with a model, and it stays the same until `listed` is set to another one.

    Args:
        listed: the pairs, on the device of the positions.
        blocks: the number of blocks.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> from lieham.neighbors import GivenPairs, within_radius
        >>> lift, x = make_lift(None, make_group("SE(2)"), radius=1.0), torch.rand(100, 2)
        >>> choice = GivenPairs(within_radius(x, 1.0), blocks=1)
        >>> [pairs] = choice(lift, x, torch.ones(100, dtype=torch.bool))
        >>> len(pairs.coordinates) == len(choice.listed)
        True
    """

    fixed = True

    def __init__(self, listed: PairList, blocks: int):
        super().__init__(blocks)
        self.listed = listed

    def forward(self, lift: Lift, points: Tensor, mask: Tensor) -> Sequence[Pairs]:
        return [lift(points, mask, self.listed)] * self.blocks
