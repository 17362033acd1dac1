"""What lifts with one element a point share."""

from __future__ import annotations

from copy import copy

import torch

from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.pairs import OrderedPairs, Pairs, UnorderedPairs, unordered
from lieham.lift.radial import POWERS, SomeRationals, measured_scales, rationals, scales
from lieham.typing import Bool, Float, Tensor


class OneElementLift(Lift):
    """What both share: a kernel over the group's invariants of two points.

    The coordinates are those pair coordinates that squared lengths do not tell, and the squared lengths c that the
    group keeps (`Group.pair_lengths`). The embedding is the former as they are, and (1 + c/s²)^(−p) for p in `POWERS`
    at `bases` scales s of each c, geometric from half the smallest in the training data to twice the largest
    (`settle`): smooth where bodies meet, and together close to any smooth law between.
    """

    scales: Tensor
    seen: Tensor | None = None
    radial: SomeRationals | None = None
    """What is left of the embedding where it was `restricted`: which of the other coordinates, which functions."""

    def __init__(self, group: Group, radius: float | None, fill: float | None, bases: int, own: bool):
        super().__init__(group, radius, fill)
        self.settings |= {"bases": bases, "own": own}
        self.own = own
        origin = torch.zeros(1, group.space_dim)
        plain = group.pair_coordinates(origin, origin).shape[-1]
        lengths = group.pair_lengths(origin, origin).shape[-1] if bases else 0
        self.others = list(group.beside_lengths if bases else range(plain))
        self.all_others = len(self.others) == plain
        self.register_buffer("scales", torch.tensor(scales(bases), dtype=torch.float64).repeat(lengths, 1))
        self.coordinate_dim = own + len(self.others) + lengths
        self.embedding_dim = len(self.others) + len(POWERS) * self.scales.numel()

    @torch.no_grad()
    def settle(self, q: Tensor, mask: Tensor, length: Tensor) -> None:
        """Measure the radius, as every lift does, and the scales."""
        super().settle(q, mask, length)
        if not len(self.scales):
            return
        real = (mask[..., :, None] & mask[..., None, :]).unsqueeze(-3).expand(*q.shape[:-1], -1)
        lengths = self.group.pair_lengths(q.unsqueeze(-2), q.unsqueeze(-3))[real] / length.square()
        for own, squared in zip(self.scales, lengths.unbind(-1), strict=True):
            found = measured_scales(squared, len(own))
            if found is not None:
                own.copy_(found)

    def order(self) -> Tensor:
        """The other coordinates and the softened inverse lengths, p = ½; then the widest scale first."""
        lengths, bases = self.scales.shape
        late = (bases - torch.arange(bases, dtype=torch.float32)).repeat((len(POWERS) - 1) * lengths)
        return torch.cat([torch.ones(len(self.others) + bases * lengths), late])

    def restricted(self, columns: Bool[Tensor, " e"]) -> Lift:
        few, lift = len(self.others), copy(self)
        lift.seen = columns[:few].nonzero().flatten()
        lift.radial = SomeRationals(self.scales, columns[few:])
        return lift

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        weight = self.weight(x, mask)
        if self.own or not self.group.symmetric_pairs:
            coordinates, embedding = self._invariants(x.unsqueeze(-2), x.unsqueeze(-3))
            if self.own:
                same = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device).expand(coordinates.shape[:-1])
                coordinates = torch.cat([same[..., None], coordinates], -1)
            return OrderedPairs(coordinates, embedding, weight, mask)
        i, j, index, others = unordered(x.shape[-2], x.device)
        invariants = self._invariants(x.index_select(-2, i), x.index_select(-2, j))
        return UnorderedPairs(*invariants, weight * others, mask, index)

    def invariants(self, x: Tensor, y: Tensor) -> tuple[Float[Tensor, "*pairs k"], Float[Tensor, "*pairs e"]]:
        coordinates, embedding = self._invariants(x, y)
        if not self.own:
            return coordinates, embedding
        return torch.cat([(x == y).all(-1, keepdim=True).to(coordinates), coordinates], -1), embedding

    def _invariants(self, x: Tensor, y: Tensor) -> tuple[Float[Tensor, "*pairs k"], Float[Tensor, "*pairs e"]]:
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
