"""The classes here store the pairs of lifted points that a convolution sees, and contract over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch.nn.functional import linear

from lieham.errors import expected
from lieham.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class Pairs(ABC):
    """Pairs of lifted points over which a LieConv sums; their m elements were lifted from n points.

    Subclasses say how pairs are stored and how a convolution sums over them. The methods defined here suit a lift with
    one element for each point, so that m = n.

    Args:
        coordinates: invariants of each pair that are polynomials of the positions, (*batch, *pairs, k).
        embedding: what the kernel's network sees of each pair, (*batch, *pairs, e).
        weight: how much a source counts for a target; 0 where either is padding.
        mask: the padding mask of the points, (*batch, n), True where a point is real.
        displacement: for a lift to tensors the vector from each target to its source, (*batch, *pairs, d); None for
            others, whose convolutions see invariants alone.
    """

    coordinates: Float[Tensor, "*pairs k"]
    embedding: Float[Tensor, "*pairs e"]
    weight: Float[Tensor, "*weights"]
    mask: Bool[Tensor, "*#batch n"]
    displacement: Float[Tensor, "*pairs d"] | None = field(default=None, kw_only=True)

    @abstractmethod
    def convolve(
        self, kernel: Float[Tensor, "*pairs k"], values: Float[Tensor, "*#batch m c"], matrices: Float[Tensor, "k o c"]
    ) -> Float[Tensor, "*batch t o"]:
        """Return Σ_jk weight_ij kernel_ijk W_k values_j for every target i.

        Args:
            kernel: the kernel's outputs on the stored pairs.
            values: the channels of the sources.
            matrices: the fixed matrices W_k of the convolution.
        """

    def convolve_each(
        self, kernel: Float[Tensor, "*pairs k"], values: Float[Tensor, "*#batch m c"], matrices: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the convolution for each set of matrices, which take the kernel's outputs one after the other.

        Args:
            kernel: the kernel's outputs on the stored pairs, as many as there are matrices in all.
            values: the channels of the sources.
            matrices: sets of matrices W_k, (k, o, c) each.
        """
        parts = kernel.split([len(own) for own in matrices], -1)
        return [self.convolve(part, values, own) for part, own in zip(parts, matrices, strict=True)]

    def lift(self, features: Float[Tensor, "*#batch n c"]) -> Float[Tensor, "*#batch m e"]:
        """Return the features of the points on the elements that were lifted from them."""
        return features

    def pool(self, values: Float[Tensor, "*batch t c"]) -> Float[Tensor, "*batch c"]:
        """Return the sum over the real points of the mean over each point's elements."""
        return (values * self.mask[..., None]).sum(-2)

    def kept(self, values: Float[Tensor, "*batch m c"]) -> Float[Tensor, "*batch t c"]:
        """Return the values on the sources that are also targets: on all of them, unless points are subsampled."""
        return values

    @property
    def sources(self) -> Bool[Tensor, "*#batch m"]:
        """Return the mask of the elements from which a convolution takes values, True for the real ones."""
        return self.mask

    @property
    def targets(self) -> Bool[Tensor, "*#batch t"]:
        """Return the mask of the elements on which a convolution gives values, True for the real ones."""
        return self.sources


class MatricesFirst(Pairs):
    """Pairs whose convolution applies the matrices W_k to the sources before it sums over pairs.

    The product W_k f_j is computed once for each source. Where features do not depend on positions, all times of a
    batch and all derivatives share it.
    """

    @abstractmethod
    def contract(
        self, kernel: Float[Tensor, "*pairs k"], values: Float[Tensor, "*#batch m k c"]
    ) -> Float[Tensor, "*batch m c"]:
        """Return Σ_jk weight_ij kernel_ijk values_jkc for every target i."""

    def convolve(self, kernel: Tensor, values: Tensor, matrices: Tensor) -> Tensor:
        return self.contract(kernel, linear(values, matrices.flatten(0, 1)).unflatten(-1, matrices.shape[:2]))


class DensePairs(MatricesFirst):
    """All pairs of m elements, which have a matrix of weights (*batch, m, m)."""

    @abstractmethod
    def dense(self, kernel: Float[Tensor, "*pairs k"]) -> Float[Tensor, "*batch m m k"]:
        """Return the kernel's outputs for every target i and source j, from its outputs on the stored pairs."""

    def contract(self, kernel: Tensor, values: Tensor) -> Tensor:
        return (self.dense(kernel) * self.weight[..., None]).flatten(-2) @ values.flatten(-3, -2)


class OrderedPairs(DensePairs):
    """All n² pairs (i, j), which include each point with itself: `coordinates` (*batch, n, n, k)."""

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel


@dataclass(frozen=True)
class UnorderedPairs(DensePairs):
    """The n(n−1)/2 pairs i < j, which suffice where coordinates do not tell i from j: `coordinates` (*batch, pairs, k).

    A point is no neighbor of itself: `weight` is 0 on the diagonal.

    Args:
        index: the place of the pair (i, j) among those stored, (n, n).
    """

    index: Int[Tensor, "n n"]

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel.index_select(-2, self.index.flatten()).unflatten(-2, self.index.shape)


@dataclass(frozen=True)
class SampledElements(Pairs):
    """Pairs of m = n s elements, where s elements were lifted from each point and are stored point by point.

    Args:
        samples: the number s.
    """

    samples: int

    def lift(self, features: Tensor) -> Tensor:
        """Return the features f_i on every element of point i."""
        return features.repeat_interleave(self.samples, -2)

    def pool(self, values: Tensor) -> Tensor:
        return super().pool(values.unflatten(-2, (-1, self.samples)).mean(-2))

    @property
    def sources(self) -> Tensor:
        return self.mask.repeat_interleave(self.samples, -1)


@lru_cache(maxsize=32)
def unordered(n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the points i and j of the pairs i < j, the (n, n) index of each pair, and the matrix 1 − identity.

    A single point is paired with itself, at weight 0, since there must be something to index.
    """
    i, j = torch.triu_indices(n, n, min(1, n - 1), device=device)
    index = torch.zeros(n, n, dtype=torch.long, device=device)
    index[i, j] = index[j, i] = torch.arange(len(i), device=device)
    return i, j, index, 1 - torch.eye(n, dtype=torch.float32, device=device)


@dataclass(frozen=True, eq=False)
class PairList:
    """A list that names the ordered pairs of points over which a convolution sums, for all clouds of a batch.

    The pair (i, j) takes values from the source j to the target i; (j, i) is another pair, and so is (i, i), to which
    a lift gives weight 0 if it sees no point as a neighbor of itself. A pair that is listed twice counts twice. The
    order of the list has no meaning.

    Args:
        targets: the number i of each pair's target, (e,).
        sources: the number j of each pair's source, (e,).
        points: the number of points of a cloud, padding included.

    Raises:
        InputError: if targets and sources are not of one shape (e,), or if a number is not in 0 to points − 1.

    Example:
        >>> import torch
        >>> from lieham.lift import PairList
        >>> len(PairList(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2]), points=3))
        3
    """

    targets: Int[Tensor, " e"]
    sources: Int[Tensor, " f"]
    points: int

    def __post_init__(self) -> None:
        if self.targets.ndim != 1 or self.targets.shape != self.sources.shape:
            got = f"{tuple(self.targets.shape)} and {tuple(self.sources.shape)}"
            raise expected("targets and sources", "of one shape (e,)", got)
        for name, numbers in (("targets", self.targets), ("sources", self.sources)):
            if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < self.points:
                got = f"{int(numbers.min())} to {int(numbers.max())}"
                raise expected(name, f"in 0 to {self.points - 1}, the points of a cloud", got)

    def __len__(self) -> int:
        return len(self.targets)

    def refined(self, samples: int) -> PairList:
        """Return the list of the pairs of elements, which pairs every element of i with every element of j.

        Each point has `samples` elements, and elements are numbered point by point.
        """
        if samples == 1:
            return self
        own = torch.arange(samples, device=self.targets.device)
        pairs = self.targets[:, None, None] * samples + own[:, None], self.sources[:, None, None] * samples + own
        targets, sources = torch.broadcast_tensors(*pairs)
        return PairList(targets.flatten(), sources.flatten(), self.points * samples)


@dataclass(frozen=True)
class ListedPairs(MatricesFirst, SampledElements):
    """Pairs of elements that a list names: `coordinates` (*batch, e, k), `weight` (*#batch, e).

    Args:
        listed: the list of the pairs of elements.
    """

    listed: PairList

    def contract(self, kernel: Tensor, values: Tensor) -> Tensor:
        """Return Σ_jk weight_ij kernel_ijk values_jkc, added up pair by pair on the targets."""
        arriving = values.index_select(-3, self.listed.sources)
        terms = torch.einsum("...ek,...ekc->...ec", kernel * self.weight[..., None], arriving)
        whole = terms.new_zeros(*terms.shape[:-2], self.listed.points, terms.shape[-1])
        return whole.index_add(-2, self.listed.targets, terms)
