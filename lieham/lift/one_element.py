"""`OneElementLift` holds what PointLift and CosetLift share: each point is lifted to one element."""

from __future__ import annotations

from copy import copy
from math import inf

import torch

from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.pairs import OrderedPairs, Pairs, UnorderedPairs, unordered
from lieham.lift.radial import POWERS, SomeRationals, measured_scales, rationals, scales
from lieham.typing import Bool, Float, Tensor


class OneElementLift(Lift):
    """A lift with one element for each point, whose kernel sees the group's invariants of two points.

    The coordinates are the pair coordinates that do not follow from squared lengths, and the squared lengths c that
    the group keeps (`Group.pair_lengths`). The embedding consists of the former, unchanged, and of the radial functions
    (1 + c/s²)^(−p) for each p in `POWERS` and each of the scales s. `calibrate` puts the scales of each c in a
    geometric series from half the smallest length of the training data to twice the largest. These functions are
    smooth where bodies meet, and linear combinations of them come close to any smooth law.

    Args:
        group: the group that is lifted to.
        radius: see `Lift`.
        fill: see `Lift`.
        bases: the number of scales of each squared length.
        own: True for a coordinate that marks the pair of a point with itself.
    """

    scales: Tensor
    seen: Tensor | None = None
    radial: SomeRationals | None = None
    """`restricted` sets `seen`, the other coordinates that it keeps, and `radial`, the functions that it keeps."""

    def __init__(self, group: Group, radius: float | None, fill: float | None, bases: int, own: bool):
        super().__init__(group, radius, fill)
        self.settings |= {"bases": bases, "own": own}
        self.own = own
        self.sees_own = own or not group.symmetric_pairs
        origin = torch.zeros(1, group.space_dim)
        plain = group.pair_coordinates(origin, origin).shape[-1]
        lengths = group.pair_lengths(origin, origin).shape[-1] if bases else 0
        self.others = list(group.beside_lengths if bases else range(plain))
        self.all_others = len(self.others) == plain
        self.register_buffer("scales", torch.tensor(scales(bases), dtype=torch.float64).repeat(lengths, 1))
        self.coordinate_dim = own + len(self.others) + lengths
        self.embedding_dim = len(self.others) + len(POWERS) * self.scales.numel()

    @torch.no_grad()
    def calibrate(self, q: Tensor, mask: Tensor, length: Tensor) -> None:
        """Measure the radius, as every lift does, and the scales of the radial functions."""
        super().calibrate(q, mask, length)
        if not len(self.scales):
            return
        real = (mask[..., :, None] & mask[..., None, :]).unsqueeze(-3).expand(*q.shape[:-1], -1)
        lengths = self.group.pair_lengths(q.unsqueeze(-2), q.unsqueeze(-3))[real] / length.square()
        for own, squared in zip(self.scales, lengths.unbind(-1), strict=True):
            found = measured_scales(squared, len(own))
            if found is not None:
                own.copy_(found)

    def rank(self) -> Tensor:
        """Return the rank of every function of the embedding.

        It is 1 for the coordinates other than lengths and for p = ½, the softened inverse lengths; among the other
        radial functions the widest scale comes first.
        """
        lengths, bases = self.scales.shape
        late = (bases - torch.arange(bases, dtype=torch.float32)).repeat((len(POWERS) - 1) * lengths)
        return torch.cat([torch.ones(len(self.others) + bases * lengths), late])

    def width(self) -> Tensor:
        """Return s/√(2p) for (1 + c/s²)^(−p), which falls off over that length, and ∞ for coordinates."""
        plain = torch.full((len(self.others),), inf, dtype=torch.float64, device=self.scales.device)
        return torch.cat([plain, *((self.scales / (2 * p) ** 0.5).flatten().double() for p in POWERS)])

    def restricted(self, columns: Bool[Tensor, " e"]) -> Lift:
        few, lift = len(self.others), copy(self)
        lift.seen = columns[:few].nonzero().flatten()
        lift.radial = SomeRationals(self.scales, columns[few:])
        return lift

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        weight = self.weight(x, mask)
        if self.sees_own:
            same = torch.eye(x.shape[-2], dtype=torch.bool, device=x.device)
            return OrderedPairs(*self.invariants(x.unsqueeze(-2), x.unsqueeze(-3), same), weight, mask)
        i, j, index, others = unordered(x.shape[-2], x.device)
        invariants = self._unmarked(x.index_select(-2, i), x.index_select(-2, j))
        return UnorderedPairs(*invariants, weight * others, mask, index)

    def ends(self, points: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
        if not self.sees_own:
            return unordered(points, device)[:2]
        number = torch.arange(points, device=device)
        return number.repeat_interleave(points), number.repeat(points)

    def invariants(
        self, u: Tensor, v: Tensor, own: Tensor | None = None
    ) -> tuple[Float[Tensor, "*pairs k"], Float[Tensor, "*pairs e"]]:
        coordinates, embedding = self._unmarked(u, v)
        if not self.own:
            return coordinates, embedding
        mark = ((u == v).all(-1) if own is None else own).to(coordinates.dtype).expand(coordinates.shape[:-1])
        return torch.cat([mark[..., None], coordinates], -1), embedding

    def _unmarked(self, x: Tensor, y: Tensor) -> tuple[Float[Tensor, "*pairs k"], Float[Tensor, "*pairs e"]]:
        """Return coordinates and embedding without the coordinate that marks the pair of a point with itself."""
        parts = []
        if self.others:
            plain = self.group.pair_coordinates(x, y)
            parts.append(plain if self.all_others else plain[..., self.others])
        seen = parts if self.seen is None else [part.index_select(-1, self.seen) for part in parts]
        if not len(self.scales):
            return parts[0], seen[0]
        lengths = self.group.pair_lengths(x, y)
        radial = rationals(lengths, self.scales) if self.radial is None else self.radial(lengths)
        return torch.cat([*parts, lengths], -1), torch.cat([*seen, radial], -1)
