"""The pairs of lifted points that a convolution sees, and how it contracts over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn.functional import linear

from lieham.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class Pairs(ABC):
    """The pairs of lifted points that a LieConv is given, of m elements lifted from n points.

    `coordinates` (*batch, *pairs, k), polynomial in the positions, and `embedding` (*batch, *pairs, e), what a
    kernel network sees of them; `mask` (*batch, n), True where a point is real; `weight`, of a target and a source, 0
    for padding. What stands here is for lifts with one element a point: m = n and `weight` (*batch, n, n).
    """

    coordinates: Float[Tensor, "*pairs k"]
    embedding: Float[Tensor, "*pairs e"]
    weight: Float[Tensor, "*weights"]
    mask: Bool[Tensor, "*#batch n"]

    @abstractmethod
    def dense(self, kernel: Float[Tensor, "*pairs k"]) -> Float[Tensor, "*batch n n k"]:
        """The kernel's outputs, computed on the stored pairs, for every target i and source j."""

    def lift(self, features: Float[Tensor, "*#batch n c"]) -> Float[Tensor, "*#batch m e"]:
        """The features of the points on the elements lifted from them."""
        return features

    def contract(self, kernel: Tensor, values: Float[Tensor, "*#batch m k c"]) -> Float[Tensor, "*batch m c"]:
        """Σ_jk weight_ij kernel_ijk values_jkc."""
        return (self.dense(kernel) * self.weight[..., None]).flatten(-2) @ values.flatten(-3, -2)

    def convolve(
        self, kernel: Tensor, values: Float[Tensor, "*#batch m c"], matrices: Float[Tensor, "k o c"]
    ) -> Float[Tensor, "*batch m o"]:
        """Σ_jk weight_ij kernel_ijk W_k values_j. The matrices go first here: what they make of features that do not
        hang on positions is then shared by all times of a batch and by the derivatives."""
        return self.contract(kernel, linear(values, matrices.flatten(0, 1)).unflatten(-1, matrices.shape[:2]))

    def pool(self, values: Float[Tensor, "*batch m c"]) -> Float[Tensor, "*batch c"]:
        """The sum over real points of the mean over the elements of a point."""
        return (values * self.mask[..., None]).sum(-2)

    def kept(self, values: Float[Tensor, "*batch m c"]) -> Float[Tensor, "*batch t c"]:
        """The values on those elements that are targets; all of them, but where points are subsampled."""
        return values

    @property
    def sources(self) -> Bool[Tensor, "*#batch m"]:
        """Which elements a convolution takes from are real."""
        return self.mask

    @property
    def targets(self) -> Bool[Tensor, "*#batch t"]:
        """Which elements a convolution gives are real."""
        return self.sources


class OrderedPairs(Pairs):
    """All n² pairs (i, j), a point with itself too: `coordinates` (*batch, n, n, k)."""

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel


@dataclass(frozen=True)
class UnorderedPairs(Pairs):
    """The n(n−1)/2 pairs i < j, for coordinates that do not tell i from j: `coordinates` (*batch, pairs, k).

    `index` (n, n) is the place of each pair. A point is no neighbour of its own: `weight` is 0 on the diagonal.
    """

    index: Int[Tensor, "n n"]

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel.index_select(-2, self.index.flatten()).unflatten(-2, self.index.shape)


@lru_cache(maxsize=32)
def unordered(n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bodies i and j of the pairs i < j, the (n, n) index of each pair, and 1 − identity.

    A body alone is paired with itself, at weight 0, since there must be something to index.
    """
    i, j = torch.triu_indices(n, n, min(1, n - 1), device=device)
    index = torch.zeros(n, n, dtype=torch.long, device=device)
    index[i, j] = index[j, i] = torch.arange(len(i), device=device)
    return i, j, index, 1 - torch.eye(n, dtype=torch.float32, device=device)
