"""`within_radius` lists the pairs of points that are close to each other."""

from __future__ import annotations

import torch

from lieham.errors import expected
from lieham.lift import PairList
from lieham.typing import Bool, Float, Tensor

ROWS = 1024
"""This many points are compared with all others at a time, so that memory grows with n and not with n²."""


@torch.no_grad()
def within_radius(
    x: Float[Tensor, "*batch n d"], radius: float, mask: Bool[Tensor, "*#batch n"] | None = None
) -> PairList:
    """Return the list of the ordered pairs of points that are at most `radius` apart in some cloud of the batch.

    Every point is compared with every other, at a cost of n² comparisons. The pair of a point with itself is in the
    list. One list serves the whole batch, so it holds pairs that are farther apart in some of its clouds: a lift with
    the same radius gives those weight 0.

    Args:
        x: positions.
        radius: the greatest distance, in the unit of the positions; `inf` for all pairs.
        mask: the padding mask; pairs with a padded point are not listed. By default all points are real.

    Returns:
        The list, sorted by target and then by source.

    Raises:
        InputError: if the radius is not positive.

    Example:
        >>> import torch
        >>> from lieham.neighbors import within_radius
        >>> within_radius(torch.tensor([[0.0], [1.0], [3.0]]), radius=1.5)
        PairList(targets=tensor([0, 0, 1, 1, 2]), sources=tensor([0, 1, 0, 1, 2]), points=3)
    """
    if not radius > 0:
        raise expected("radius", "positive", radius)
    n = x.shape[-2]
    real = x.new_ones(n, dtype=torch.bool) if mask is None else mask
    clouds, real = x.reshape(-1, *x.shape[-2:]), real.expand(x.shape[:-1]).reshape(-1, n)
    near = torch.zeros(n, n, dtype=torch.bool, device=x.device)
    for cloud, own in zip(clouds, real, strict=True):
        for first in range(0, n, ROWS):
            rows = slice(first, first + ROWS)
            squared = (cloud[rows, None] - cloud).square().sum(-1)
            near[rows] |= (squared <= radius**2) & own[rows, None] & own
    targets, sources = near.nonzero().unbind(-1)
    return PairList(targets, sources, n)
