"""Lifts with one element a point: PointLift for groups that act freely, CosetLift for the others."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar

import torch

from lieham.errors import InputError
from lieham.groups import Group
from lieham.lift.base import Lift, OrderedPairs, Pairs, UnorderedPairs, unordered
from lieham.typing import Bool, Float, Tensor


class _OneElement(Lift):
    """What both share: the group's own invariants of two points are the pair coordinates."""

    def __init__(self, group: Group, radius: float | None, fill: float | None):
        super().__init__(group, radius, fill)
        origin = torch.zeros(1, group.space_dim)
        self.coordinate_dim = group.pair_coordinates(origin, origin).shape[-1]

    @abstractmethod
    def embed(self, coordinates: Float[Tensor, "*pairs k"]) -> Float[Tensor, "*pairs e"]:
        """What the kernel's network sees of pair coordinates."""

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        weight = self.weight(x, mask)
        if not self.group.symmetric_pairs:
            coordinates = self.group.pair_coordinates(x.unsqueeze(-2), x.unsqueeze(-3))
            return OrderedPairs(coordinates, self.embed(coordinates), weight, mask)
        i, j, index, others = unordered(x.shape[-2], x.device)
        coordinates = self.group.pair_coordinates(x.index_select(-2, i), x.index_select(-2, j))
        return UnorderedPairs(coordinates, self.embed(coordinates), weight * others, mask, index)


class PointLift(_OneElement):
    """One group element a point, for groups that act freely: T(d), Trivial, SO(2) off the origin.

    The pair coordinates embed g_j⁻¹ g_i and both orbits (Finzi et al. 2020, arXiv 2002.12880, section 4.2).
    Raises InputError for a group whose points have a stabiliser: one element a point would not be invariant.
    """

    exact: ClassVar[bool] = True
    kind = "point"

    def __init__(self, group: Group, radius: float | None = None, fill: float | None = None):
        if not group.acts_freely:
            raise InputError(f"lift must be CosetLift for {group}, whose points have a stabiliser, got PointLift")
        super().__init__(group, radius, fill)
        self.embedding_dim = self.coordinate_dim

    def embed(self, coordinates: Tensor) -> Tensor:
        """The coordinates themselves."""
        return coordinates


class CosetLift(_OneElement):
    """The kernel lives on the double coset H\\G/H, for isometry groups with a stabiliser H: SE(d), SO(3).

    Averaging over H leaves squared lengths c = |x_i − x_j|² (and radii, for SO(3)), so nothing is sampled. The
    kernel sees powers of 1/(1 + c/s²) at `bases` scales s, geometric from half the smallest distance in the training
    data to twice the largest (`settle`): smooth where bodies meet, and together close to any smooth law between.
    The kernel's linear skip in c alone goes on beyond the data, where these flatten. Coordinates that are no squared
    lengths (of the factors of a product that act freely) are seen as they are.

    Raises InputError for a group that acts freely and has nothing to average over.
    """

    exact: ClassVar[bool] = True
    kind = "coset"

    def __init__(self, group: Group, radius: float | None = None, fill: float | None = None, bases: int = 12):
        if group.acts_freely:
            raise InputError(f"lift must be PointLift for {group}, which acts freely, got CosetLift")
        super().__init__(group, radius, fill)
        self.settings |= {"bases": bases}
        self.register_buffer("scales", torch.tensor(scales(bases), dtype=torch.float64))
        flags = group.squared_lengths
        self.lengths = [k for k, flag in enumerate(flags) if flag]
        self.others = [k for k, flag in enumerate(flags) if not flag]
        self.embedding_dim = len(POWERS) * bases * len(self.lengths) + len(self.others)

    scales: Tensor

    @torch.no_grad()
    def settle(self, distances: Float[Tensor, " pairs"], length: Tensor) -> None:
        """Measure the radius, as every lift does, and the scales; the closest thousandth of the pairs may be closer."""
        super().settle(distances, length)
        apart = distances[distances > 0]
        if len(apart):
            ranked = apart.sort().values / length
            few = len(ranked) // 1000
            most = 2 * ranked[-1 - few]
            least = (ranked[few] / 2).clamp(min=1e-6 * most)
            place = torch.linspace(0, 1, len(self.scales), dtype=most.dtype, device=most.device)
            self.scales.copy_(least * (most / least) ** place)

    def order(self) -> Tensor:
        """The widest scale first."""
        bases = len(self.scales)
        order = (bases - torch.arange(bases, dtype=torch.float32)).repeat(len(POWERS) * len(self.lengths))
        return torch.cat([order, torch.ones(len(self.others))])

    def embed(self, coordinates: Tensor) -> Tensor:
        """(1 + c/s²)^(−p) of every squared length c, scale s and p of `POWERS`; then the other coordinates."""
        if not self.others:
            return rationals(coordinates, self.scales)
        return torch.cat([rationals(coordinates[..., self.lengths], self.scales), coordinates[..., self.others]], -1)


POWERS = (0.5, 1.0, 2.0, 4.0, 6.0)


def rationals(squared: Float[Tensor, "*batch k"], lengths: Float[Tensor, " s"]) -> Float[Tensor, "*batch e"]:
    """(1 + c/s²)^(−p) of squared lengths c at scales s, for p in `POWERS`."""
    root = (1 + squared[..., None] * lengths.to(squared).reciprocal().square()).rsqrt()
    once = root.square()
    twice = once.square()
    fourth = twice.square()
    return torch.cat([root, once, twice, fourth, fourth * twice], -1).flatten(-2)


def scales(bases: int) -> tuple[float, ...]:
    """`bases` lengths from 1/8 to 4, geometric, in units of the model's length."""
    return tuple(0.125 * 32 ** (k / max(bases - 1, 1)) for k in range(bases))


def radial(squared: Float[Tensor, "*batch k"], lengths: tuple[float, ...]) -> Float[Tensor, "*batch e"]:
    """(1 + c/s²)^(−1/2) of squared lengths c: smooth where bodies meet, bounded, and slow to decay."""
    inverse = _inverse_squares(lengths, squared.dtype, squared.device)
    return (1 + squared[..., None] * inverse).rsqrt().flatten(-2)


@lru_cache(maxsize=32)
def _inverse_squares(lengths: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor([s**-2 for s in lengths], dtype=dtype, device=device)
