"""`NearPairs` holds the pairs of each target with a fixed number of chosen neighbors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from lieham.lift.pairs import Pairs
from lieham.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class NearPairs(Pairs):
    """Pairs that join t targets, the first t of m sources, with K neighbors each: `coordinates` (*#batch, t, K, k).

    `weight` (*#batch, t, K) is 1 over the number of a target's neighbors, and 0 in the unused places of a target with
    fewer than K neighbors. So a convolution is a mean over neighbors, the Monte-Carlo estimate of an integral over the
    neighborhood. `mask` (*#batch, m) is the padding mask of the sources. No tensor has a batch axis where all clouds
    share one grid.

    Args:
        index: the numbers of each target's neighbors, (*#batch, t, K).
        target_mask: True where a target is real, (*#batch, t).
        origin: the number of the point from which each source was lifted, (*#batch, m).
        count: the number of real points, (*#batch,).
    """

    index: Int[Tensor, "*#batch t K"]
    target_mask: Bool[Tensor, "*#batch t"]
    origin: Int[Tensor, "*#batch m"]
    count: Float[Tensor, "*#batch"]

    def lift(self, features: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch m c"]:
        return gathered(features, self.origin, 1)

    def convolve(
        self, kernel: Float[Tensor, "*#batch t K k"], values: Float[Tensor, "*batch m c"], matrices: Tensor
    ) -> Float[Tensor, "*batch t o"]:
        """Return the convolution, as `Pairs.convolve`.

        The neighbors' values are contracted with the kernel first, so that a tensor (t, k, c) is formed and not one of
        shape (t, K, k, o).

        Args:
            kernel: the kernel's outputs on the stored pairs.
            values: the channels of the sources.
            matrices: the fixed matrices W_k of the convolution.
        """
        return self.convolve_each(kernel, values, [matrices])[0]

    def convolve_each(self, kernel: Tensor, values: Tensor, matrices: Sequence[Tensor]) -> list[Tensor]:
        kernel, sizes = (kernel * self.weight[..., None]).mT, [len(own) for own in matrices]
        wide = [own.permute(1, 0, 2).flatten(1) for own in matrices]
        if kernel.ndim > 3:
            parts = (kernel @ gathered(values, self.index, 2)).split(sizes, -2)
            return [linear(part.flatten(-2), own) for part, own in zip(parts, wide, strict=True)]
        batch = values.shape[:-2]
        rows = values.reshape(-1, *values.shape[-2:]).permute(1, 2, 0).flatten(1)
        near = rows.index_select(0, self.index.flatten()).unflatten(0, self.index.shape)
        summed = (kernel @ near).unflatten(-1, (values.shape[-1], -1)).split(sizes, 1)
        found = [own.expand(len(kernel), -1, -1) @ part.flatten(1, 2) for part, own in zip(summed, wide, strict=True)]
        return [x.permute(2, 0, 1).unflatten(0, batch) for x in found]

    def pool(self, values: Float[Tensor, "*batch t c"]) -> Float[Tensor, "*batch c"]:
        """Return the mean over real targets times the number of points, an estimate of the sum over all points."""
        real = self.target_mask[..., None].to(values.dtype)
        return (values * real).sum(-2) * (self.count / self.target_mask.sum(-1))[..., None]

    def kept(self, values: Float[Tensor, "*batch m c"]) -> Float[Tensor, "*batch t c"]:
        return values[..., : self.target_mask.shape[-1], :]

    @property
    def targets(self) -> Tensor:
        return self.target_mask


def gathered(
    x: Float[Tensor, "*batch n c"], index: Int[Tensor, "*#batch *places"], places: int
) -> Float[Tensor, "*batch *places c"]:
    """Return x[..., index, :], computed by one `index_select`.

    Args:
        x: values at n places.
        index: numbers of places, with the batch axes of x or none before its own.
        places: the number of axes of the index that are its own.
    """
    if index.ndim == places:
        return x.index_select(-2, index.flatten()).unflatten(-2, index.shape)
    flat, n = index.flatten(0, -1 - places), x.shape[-2]
    first = torch.arange(len(flat), device=x.device).view(-1, *[1] * places) * n
    return x.flatten(0, -2).index_select(0, (flat + first).flatten()).view(*index.shape, x.shape[-1])
