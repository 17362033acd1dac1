"""Here every point is a neighbor of every other, at a cost of n²."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lieham.lift import Lift, PairList, Pairs
from lieham.neighbors.base import Neighbors
from lieham.typing import Tensor


class AllPairs(Neighbors):
    """A choice that takes all pairs of points, for all blocks alike.

    The lift computes them as dense tensors. Where its coordinates do not tell i from j, it computes each pair once.

    Args:
        blocks: the number of blocks.
    """

    fixed = True
    complete = True

    def forward(self, lift: Lift, points: Tensor, mask: Tensor) -> Sequence[Pairs]:
        return [lift(points, mask)] * self.blocks


def complete_list(points: int, device: torch.device | None = None) -> PairList:
    """Return the list of all n² ordered pairs of n points, including each point with itself.

    Args:
        points: the number n.
        device: the device on which the list is put.

    Example:
        >>> from lieham.neighbors import complete_list
        >>> complete_list(2)
        PairList(targets=tensor([0, 0, 1, 1]), sources=tensor([0, 1, 0, 1]), points=2)
    """
    number = torch.arange(points, device=device)
    return PairList(number.repeat_interleave(points), number.repeat(points), points)
