"""The contract of a lift: from points to group elements, and to the pairs of them that a convolution sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import torch
from torch import nn

from lieham.errors import InputError, expected
from lieham.groups import Group
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

    def pool(self, values: Float[Tensor, "*batch m c"]) -> Float[Tensor, "*batch c"]:
        """The sum over real points of the mean over the elements of a point."""
        return (values * self.mask[..., None]).sum(-2)


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


class Lift(nn.Module, ABC):
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
        _check_neighbourhood(group, radius, fill)
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


def cutoff(squared: Float[Tensor, "*batch"], radius: Tensor) -> Float[Tensor, "*batch"]:
    """(1 − u)³ (1 + 3u + 6u²) at u = min(|x|²/r², 1): 1 at the centre, and 0 from r on with two derivatives."""
    u = (squared / radius.square()).clamp(max=1.0)
    return (1 - u) ** 3 * (1 + u * (3 + 6 * u))


def _check_neighbourhood(group: Group, radius: float | None, fill: float | None) -> None:
    if radius is not None and fill is not None:
        raise InputError(f"radius and fill must not both be given, got radius={radius}, fill={fill}")
    if radius is not None and not 0 < radius < float("inf"):
        raise expected("radius", "positive and finite", radius)
    if fill is not None and not 0 < fill <= 1:
        raise expected("fill", "in (0, 1]", fill)
    if (radius is not None or fill is not None) and not bool(group.isometries.all()):
        raise InputError(f"radius and fill must go with a group that keeps lengths, got {group}")


@lru_cache(maxsize=32)
def unordered(n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bodies i and j of the pairs i < j, the (n, n) index of each pair, and 1 − identity.

    A body alone is paired with itself, at weight 0, since there must be something to index.
    """
    i, j = torch.triu_indices(n, n, min(1, n - 1), device=device)
    index = torch.zeros(n, n, dtype=torch.long, device=device)
    index[i, j] = index[j, i] = torch.arange(len(i), device=device)
    return i, j, index, 1 - torch.eye(n, dtype=torch.float32, device=device)
