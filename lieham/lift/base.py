"""The contract of a lift: from points to group elements, and to the pairs of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from torch import nn

from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.lift.cutoff import check_neighbourhood, cutoff
from lieham.lift.pairs import Pairs, unordered
from lieham.typing import Bool, Float, Tensor


class Drawn(ABC):
    """What holds a random draw, the same on every call until it is drawn anew."""

    @abstractmethod
    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew; `fit` does before every step on a random batch."""


class Lift(nn.Module, Drawn):
    """Positions to pairs. `exact`: no motion of the group changes the pairs but by round-off.

    Args:
        group: the group lifted to.
        radius: where given, neighbours are weighted by a C² cutoff that ends there (`cutoff`), in the units of the
            positions that training data have. By default every point is a neighbour.
        fill: the same with a radius within which, on average over the training data, this fraction of the other
            points lies; measured once by `settle`, and infinite until then.

    Raises InputError on both a radius and a fill, on values out of range, and on a cutoff for a group that changes
    lengths.
    """

    exact: ClassVar[bool]
    kind: ClassVar[str]
    """Its name in `LIFTS`."""
    radius: Tensor

    def __init__(self, group: Group, radius: float | None = None, fill: float | None = None):
        super().__init__()
        check_neighbourhood(group, radius, fill)
        self.group = group
        self.settings: dict[str, object] = {"kind": self.kind, "radius": radius, "fill": fill}
        self.has_cutoff = radius is not None or fill is not None
        self.register_buffer("radius", torch.tensor(radius or float("inf"), dtype=torch.float64))

    coordinate_dim: int
    embedding_dim: int

    def order(self) -> Float[Tensor, " e"]:
        """How late each function of the embedding is to be tried, from 1 on: the plain ones first."""
        return torch.ones(self.embedding_dim)

    def feature_dim(self, features: int) -> int:
        """Channels of a lifted point, of a point with `features` channels."""
        return features

    def restricted(self, columns: Bool[Tensor, " e"]) -> Lift:
        """This lift with those functions of the embedding alone."""
        return _Restricted(self, columns)

    @abstractmethod
    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        """The pairs of a cloud whose shape was checked."""

    samples: int = 1
    """Elements a point, one point's after the other's."""

    def elements(self, x: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch m e"]:
        """The lifted points, a vector each: the point, and what else tells its element."""
        return x

    def invariants(self, u: Float[Tensor, "*#pairs e"], v: Float[Tensor, "*#pairs e"]) -> tuple[Tensor, Tensor]:
        """Coordinates and embedding of pairs of elements, for neighbourhoods. InputError where they take more."""
        raise InputError(f"lift must be point, coset or sampled where neighbours are chosen, got {self.kind}")

    def distance(self, u: Float[Tensor, "*#pairs e"], v: Float[Tensor, "*#pairs e"], alpha: float) -> Tensor:
        """α d_G + (1 − α) d_O, d_G along the group and d_O across its orbits (Finzi et al. 2020, section 4.4).

        Where all points are one orbit, or each is its own, α changes but the unit.
        """
        along, across = self.group.distances(u, v)
        return alpha * along + (1 - alpha) * across

    def forward(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        """The pairs of a cloud; pairs with a padded point have weight 0. InputError on another dimension."""
        if x.shape[-1] != self.group.space_dim:
            raise expected("q", f"of shape (*batch, n, {self.group.space_dim}) for {self.group}", tuple(x.shape))
        return self.pairs(x, mask)

    def weight(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Float[Tensor, "*#batch n n"]:
        """How much j is a neighbour of i: 1 between real points, times the cutoff of their distance."""
        weight = (mask[..., :, None] & mask[..., None, :]).to(x.dtype)
        if not self.has_cutoff:
            return weight
        return weight * cutoff((x.unsqueeze(-2) - x.unsqueeze(-3)).square().sum(-1), self.radius)

    @torch.no_grad()
    def settle(
        self, q: Float[Tensor, "*batch time n d"], mask: Bool[Tensor, "*batch n"], length: Float[Tensor, ""]
    ) -> None:
        """Measure what depends on the data, once, in units of `length`: the radius that has the `fill` wanted."""
        fill, n = self.settings["fill"], q.shape[-2]
        if fill is not None and n > 1:
            i, j, _, _ = unordered(n, q.device)
            real = (mask[..., i] & mask[..., j]).unsqueeze(-2).expand(*q.shape[:-2], -1)
            ranked = (q[..., i, :] - q[..., j, :]).norm(dim=-1)[real].sort().values
            if len(ranked):
                self.radius.copy_(ranked[round(float(fill) * (len(ranked) - 1))])
        self.radius.div_(length)

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the lift samples; exact lifts sample nothing."""

    def extra_repr(self) -> str:
        given = [f"{name}={value}" for name, value in self.settings.items() if name != "kind" and value is not None]
        return ", ".join([str(self.group), *given])


class _Restricted(Lift):
    """A lift some of whose embedding is left out."""

    kind = ""

    def __init__(self, lift: Lift, columns: Tensor):
        super().__init__(lift.group)
        self.lift, self.exact = lift, lift.exact
        self.columns = columns.nonzero().flatten()

    def pairs(self, x: Tensor, mask: Tensor) -> Pairs:
        pairs = self.lift.pairs(x, mask)
        return replace(pairs, embedding=pairs.embedding.index_select(-1, self.columns))
