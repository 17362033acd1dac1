"""This module holds the contract of a lift, which maps points to group elements and to pairs of these elements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, TypeVar

import torch
from torch import nn

from lieham.errors import expected
from lieham.groups import Group
from lieham.lift.cutoff import check_neighborhood, cutoff
from lieham.lift.pairs import ListedPairs, PairList, Pairs, unordered
from lieham.typing import Bool, Float, Tensor

AnyPairs = TypeVar("AnyPairs", bound=Pairs)


class Drawn(ABC):
    """An object that holds a random draw, which stays the same on every call until `redraw` replaces it."""

    @abstractmethod
    def redraw(self, generator: torch.Generator) -> None:
        """Replace the random draw by a new one. `fit` calls this before every step on a random batch."""


class Lift(nn.Module, Drawn):
    """A map from positions to the pairs of lifted points.

    A lift defines the numbers by which a convolution sees one pair of elements (`invariants`). It does not choose the
    pairs: a `PairList` or a strategy of `lieham.neighbors` does; without one, `forward` takes all pairs of a cloud. The
    lift is `exact` if no motion of the group changes the pairs by more than round-off.

    Args:
        group: the group that is lifted to.
        radius: the distance at which neighborhoods end, in the unit of length of the data; neighbors are then weighted
            by a C² cutoff (`cutoff`). By default every point is a neighbor.
        fill: the fraction of the other points that is to lie within the radius, on average over the training data.
            `calibrate` measures that radius once; until then it is infinite.

    Raises:
        InputError: if both a radius and a fill are given, if one is no number or out of range, or if there is a cutoff
            and the group changes lengths.
    """

    exact: bool
    kind: ClassVar[str]
    """This is the name of the class in `LIFTS`."""
    coordinate_dim: int
    embedding_dim: int
    samples: int = 1
    """Each point is lifted to this many elements, which are stored point by point."""
    sees_pairs: bool = True
    """This is False for a lift to tensors: beside invariants its pairs have vectors (`displacements`)."""
    sees_own: bool = True
    """This is True where a point is a neighbor of itself."""
    radius: Tensor

    def __init__(self, group: Group, radius: float | None = None, fill: float | None = None):
        super().__init__()
        check_neighborhood(group, radius, fill)
        radius, fill = (None if x is None else float(x) for x in (radius, fill))
        self.group, self.fill = group, fill
        self.settings: dict[str, object] = {"kind": self.kind, "radius": radius, "fill": fill}
        self.has_cutoff = radius is not None or fill is not None
        self.register_buffer("radius", torch.tensor(radius or float("inf"), dtype=torch.float64))

    def rank(self) -> Float[Tensor, " e"]:
        """Return the rank in which cross-validation adds the embedding's functions, 1 first; (embedding_dim,)."""
        return torch.ones(self.embedding_dim)

    def width(self) -> Float[Tensor, " e"]:
        """Return the least length over which each function of the embedding changes; 0 where it is not known."""
        return torch.zeros(self.embedding_dim, dtype=torch.float64)

    def restricted(self, columns: Bool[Tensor, " e"]) -> Lift:
        """Return this lift with the functions of the embedding at which `columns` is True, and no others."""
        return _Restricted(self, columns)

    @abstractmethod
    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        """Return all pairs of a cloud; the caller has checked the shape of `x`."""

    def elements(self, x: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch m e"]:
        """Return one vector for each lifted element: the point's position, followed by the rest of the element."""
        return x

    @abstractmethod
    def invariants(
        self,
        u: Float[Tensor, "*#pairs e"],
        v: Float[Tensor, "*#pairs e"],
        own: Bool[Tensor, "*#pairs"] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the numbers by which a convolution sees pairs of elements.

        Args:
            u: the targets.
            v: the sources.
            own: True where target and source are lifted from the same point; by default, where they are equal.

        Returns:
            The coordinates and the embedding of each pair, as in `Pairs`.
        """

    def displacements(self, u: Float[Tensor, "*#pairs e"], v: Float[Tensor, "*#pairs e"]) -> Tensor | None:
        """Return the vectors from targets u to sources v of a lift to tensors, whose first coordinate is |v − u|².

        For other lifts they are None.

        Args:
            u: the targets.
            v: the sources.
        """
        return None

    def ends(self, points: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
        """Return the points i and j of each pair that `pairs` stores, in its order and flattened.

        They are None where the numbers of a pair are not the `invariants` of its two points alone.

        Args:
            points: the number of points of a cloud.
            device: the device of the numbers.
        """
        return None

    def distance(self, u: Float[Tensor, "*#pairs e"], v: Float[Tensor, "*#pairs e"], alpha: float) -> Tensor:
        """Return α d_G + (1 − α) d_O, with d_G along the group and d_O across its orbits.

        Where all points are one orbit, or each is its own, α changes the unit alone. Finzi et al. 2020, section 4.4.

        Args:
            u: elements.
            v: elements.
            alpha: the weight α, in [0, 1].
        """
        along, across = self.group.distances(u, v)
        return alpha * along + (1 - alpha) * across

    def forward(
        self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"], listed: PairList | None = None
    ) -> Pairs:
        """Return the pairs of a cloud.

        Args:
            x: positions.
            mask: the padding mask; pairs with a padded point have weight 0.
            listed: the pairs to be looked at; by default all of them.

        Returns:
            The pairs. Those of a complete list give the convolution that all pairs give, to round-off.

        Raises:
            InputError: if the positions have another dimension than the group's space, if the list is for another
                number of points, or if the lift does not go with a list.
        """
        if x.shape[-1] != self.group.space_dim:
            raise expected("q", f"of shape (*batch, n, {self.group.space_dim}) for {self.group}", tuple(x.shape))
        if listed is None:
            return self.pairs(x, mask)
        if listed.points != x.shape[-2]:
            raise expected("listed", f"a list for {x.shape[-2]} points like the cloud", f"one for {listed.points}")
        return self._listed(x, mask, listed)

    def _listed(self, x: Tensor, mask: Tensor, listed: PairList) -> ListedPairs:
        u, each = self.elements(x), listed.refined(self.samples)
        near, far = (u.index_select(-2, index) for index in (each.targets, each.sources))
        own = each.targets // self.samples == each.sources // self.samples
        weight = self._listed_weight(x, mask, listed).repeat_interleave(self.samples**2, -1) / self.samples
        seen, between = self.invariants(near, far, own), self.displacements(near, far)
        return ListedPairs(*seen, weight, mask, self.samples, each, displacement=between)

    def _listed_weight(self, x: Tensor, mask: Tensor, listed: PairList) -> Float[Tensor, "*batch e"]:
        i, j = listed.targets, listed.sources
        real = mask.index_select(-1, i) & mask.index_select(-1, j)
        weight = (real if self.sees_own else real & (i != j)).to(x.dtype)
        if not self.has_cutoff:
            return weight
        return weight * cutoff((x.index_select(-2, i) - x.index_select(-2, j)).square().sum(-1), self.radius)

    def weight(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Float[Tensor, "*#batch n n"]:
        """Return the weight of j as a neighbor of i: 1 between real points, times the cutoff at their distance."""
        weight = (mask[..., :, None] & mask[..., None, :]).to(x.dtype)
        if not self.has_cutoff:
            return weight
        return weight * cutoff((x.unsqueeze(-2) - x.unsqueeze(-3)).square().sum(-1), self.radius)

    @torch.no_grad()
    def calibrate(
        self, q: Float[Tensor, "*batch time n d"], mask: Bool[Tensor, "*batch n"], length: Float[Tensor, ""]
    ) -> None:
        """Measure on the data, once, the radius within which the fraction `fill` of the other points lies.

        Args:
            q: positions of the training data, in their unit of length.
            mask: the padding mask of the bodies.
            length: the model's unit of length, in which the lift is to see positions.
        """
        n = q.shape[-2]
        if self.fill is not None and n > 1:
            i, j, _, _ = unordered(n, q.device)
            real = (mask[..., i] & mask[..., j]).unsqueeze(-2).expand(*q.shape[:-2], -1)
            ranked = (q[..., i, :] - q[..., j, :]).norm(dim=-1)[real].sort().values
            if len(ranked):
                self.radius.copy_(ranked[round(self.fill * (len(ranked) - 1))])
        self.radius.div_(length)

    def redraw(self, generator: torch.Generator) -> None:
        """Draw the sampled elements anew; exact lifts sample nothing, so for them this does nothing."""

    def extra_repr(self) -> str:
        given = [f"{name}={value}" for name, value in self.settings.items() if name != "kind" and value is not None]
        return ", ".join([str(self.group), *given])


class _Restricted(Lift):
    """A lift that keeps only some functions of the embedding of another lift."""

    kind = ""

    def __init__(self, lift: Lift, columns: Tensor):
        super().__init__(lift.group)
        self.lift, self.exact = lift, lift.exact
        self.columns = columns.nonzero().flatten()

    def pairs(self, x: Tensor, mask: Tensor) -> Pairs:
        return self._few(self.lift.pairs(x, mask))

    def invariants(self, u: Tensor, v: Tensor, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        coordinates, embedding = self.lift.invariants(u, v, own)
        return coordinates, embedding.index_select(-1, self.columns)

    def _listed(self, x: Tensor, mask: Tensor, listed: PairList) -> ListedPairs:
        return self._few(self.lift._listed(x, mask, listed))

    def _few(self, pairs: AnyPairs) -> AnyPairs:
        return replace(pairs, embedding=pairs.embedding.index_select(-1, self.columns))
