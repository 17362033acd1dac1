"""Lifts: from points to the pairs that a convolution sees, through the group alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch

from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class Pairs(ABC):
    """The pairs of lifted points that a LieConv is given.

    `coordinates` (*batch, *pairs, k), polynomial in the positions, and `embedding` (*batch, *pairs, e), what a
    kernel network sees of them; `weight` (*batch, n, n) of target i and source j, 0 for padding.
    """

    coordinates: Float[Tensor, "*pairs k"]
    embedding: Float[Tensor, "*pairs e"]
    weight: Float[Tensor, "*batch n n"]

    @abstractmethod
    def dense(self, kernel: Float[Tensor, "*pairs k"]) -> Float[Tensor, "*batch n n k"]:
        """The kernel's outputs, computed on the stored pairs, for every target i and source j."""

    def contract(self, kernel: Tensor, values: Float[Tensor, "*#batch n k c"]) -> Float[Tensor, "*batch n c"]:
        """Σ_jk weight_ij kernel_ijk values_jkc."""
        return torch.einsum("...ijk,...jkc->...ic", self.dense(kernel) * self.weight[..., None], values)


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


class Lift(ABC):
    """Positions to pairs. `exact`: no motion of the group changes the pairs but by round-off."""

    exact: ClassVar[bool]

    def __init__(self, group: Group):
        self.group = group
        origin = torch.zeros(1, group.space_dim)
        coordinates = group.pair_coordinates(origin, origin)
        self.coordinate_dim = coordinates.shape[-1]
        self.embedding_dim = self.embed(coordinates).shape[-1]

    @abstractmethod
    def embed(self, coordinates: Float[Tensor, "*pairs k"]) -> Float[Tensor, "*pairs e"]:
        """What the kernel's network sees of pair coordinates."""

    def __call__(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        """The pairs of a cloud; pairs with a padded point have weight 0. InputError on another dimension."""
        if x.shape[-1] != self.group.space_dim:
            raise expected("q", f"of shape (*batch, n, {self.group.space_dim}) for {self.group}", tuple(x.shape))
        weight = (mask[..., :, None] & mask[..., None, :]).to(x.dtype)
        if not self.group.symmetric_pairs:
            coordinates = self.group.pair_coordinates(x.unsqueeze(-2), x.unsqueeze(-3))
            return OrderedPairs(coordinates, self.embed(coordinates), weight)
        i, j, index, others = _unordered(x.shape[-2], x.device)
        coordinates = self.group.pair_coordinates(x.index_select(-2, i), x.index_select(-2, j))
        return UnorderedPairs(coordinates, self.embed(coordinates), weight * others, index)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group})"


@lru_cache(maxsize=32)
def _unordered(n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bodies i and j of the pairs i < j, the (n, n) index of each pair, and 1 − identity.

    A body alone is paired with itself, at weight 0, since there must be something to index.
    """
    i, j = torch.triu_indices(n, n, min(1, n - 1), device=device)
    index = torch.zeros(n, n, dtype=torch.long, device=device)
    index[i, j] = index[j, i] = torch.arange(len(i), device=device)
    return i, j, index, 1 - torch.eye(n, dtype=torch.float32, device=device)


class PointLift(Lift):
    """One group element a point, for groups that act freely: T(d), Trivial, SO(2) off the origin.

    The pair coordinates embed g_j⁻¹ g_i and both orbits (Finzi et al. 2020, arXiv 2002.12880, section 4.2).
    Raises InputError for a group whose points have a stabiliser: one element a point would not be invariant.
    """

    exact: ClassVar[bool] = True

    def __init__(self, group: Group):
        if not group.acts_freely:
            raise InputError(f"lift must be CosetLift for {group}, whose points have a stabiliser, got PointLift")
        super().__init__(group)

    def embed(self, coordinates: Tensor) -> Tensor:
        """The coordinates themselves."""
        return coordinates


class CosetLift(Lift):
    """The kernel lives on the double coset H\\G/H, for isometry groups with a stabiliser H: SE(d), SO(3).

    Averaging over H leaves squared lengths c = |x_i − x_j|² (and radii, for SO(3)), so nothing is sampled. The
    network sees (1 + c/s²)^(−1/2) at `bases` scales s from 1/8 to 4, geometric, in units of the model's length:
    smooth in c, hence where bodies meet, bounded, and as slow to decay as a softened force. Beyond the data these
    flatten, and the kernel's linear skip in c alone goes on. Coordinates that are no squared lengths (of the factors
    of a product that act freely) are seen as they are.

    Raises InputError for a group that acts freely and has nothing to average over.
    """

    exact: ClassVar[bool] = True

    def __init__(self, group: Group, bases: int = 6):
        if group.acts_freely:
            raise InputError(f"lift must be PointLift for {group}, which acts freely, got CosetLift")
        self.bases = bases
        self.scales = tuple(0.125 * 32 ** (k / max(bases - 1, 1)) for k in range(bases))
        flags = group.squared_lengths
        self.lengths = [k for k, flag in enumerate(flags) if flag]
        self.others = [k for k, flag in enumerate(flags) if not flag]
        super().__init__(group)

    def embed(self, coordinates: Tensor) -> Tensor:
        """(1 + c/s²)^(−1/2) of every squared length c and scale s; then the other coordinates."""
        inverse = _inverse_squares(self.scales, coordinates.dtype, coordinates.device)
        if not self.others:
            return (1 + coordinates[..., None] * inverse).rsqrt().flatten(-2)
        radial = (1 + coordinates[..., self.lengths, None] * inverse).rsqrt().flatten(-2)
        return torch.cat([radial, coordinates[..., self.others]], -1)

    def __repr__(self) -> str:
        return f"CosetLift({self.group}, bases={self.bases})"


@lru_cache(maxsize=32)
def _inverse_squares(scales: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor([s**-2 for s in scales], dtype=dtype, device=device)


def default_lift(group: Group) -> Lift:
    """PointLift where the group acts freely, CosetLift where points have a stabiliser."""
    return PointLift(group) if group.acts_freely else CosetLift(group)
