"""Pairs of a list that is given from outside, such as a cell list: a convolution sums over those and no others."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lieham.errors import expected
from lieham.lift.pairs import MatricesFirst, SampledElements
from lieham.typing import Int, Tensor


@dataclass(frozen=True, eq=False)
class PairList:
    """The ordered pairs of points that a convolution looks at, one list for all clouds of a batch.

    The pair (i, j) takes values from the source j to the target i; (j, i) is another pair, and so is (i, i), which
    lifts that see no point as a neighbor of itself give weight 0. A pair that stands twice counts twice. The order of
    the list has no meaning.

    Args:
        targets: the number i of each pair's target, (e,).
        sources: the number j of each pair's source, (e,).
        points: the number of points of a cloud, padding included.

    Raises:
        InputError: if the numbers are not whole, not as many, or not in 0 to points − 1.

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
        """Return the list of the pairs of elements, where `samples` stand for each point, one point's after the
        other's: every element of i with every element of j."""
        if samples == 1:
            return self
        own = torch.arange(samples, device=self.targets.device)
        pairs = self.targets[:, None, None] * samples + own[:, None], self.sources[:, None, None] * samples + own
        targets, sources = torch.broadcast_tensors(*pairs)
        return PairList(targets.flatten(), sources.flatten(), self.points * samples)


@dataclass(frozen=True)
class ListedPairs(MatricesFirst, SampledElements):
    """The pairs of elements that stand in a list: `coordinates` (*batch, e, k), `weight` (*#batch, e).

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
