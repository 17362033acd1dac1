"""In Monte-Carlo neighborhoods each block sums over a few neighbors, which are drawn in a ball or are the nearest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lieham.errors import expected
from lieham.lift import Drawn, Lift, NearPairs
from lieham.lift.near import gathered
from lieham.neighbors.base import Neighbors
from lieham.neighbors.subsample import JITTER, farthest_first, hashed_uniform
from lieham.typing import Bool, Float, Int, Tensor

BOUND = 10.0
"""Functions of the embedding are clamped to this many standard deviations from their mean. A narrow function of a
radius may be 0 in thousands of pairs and 1 in the next, which would be 10⁴ standard deviations."""

ROWS = 128
"""Distances to all others are computed for this many elements at a time, since each difference has d numbers."""


@dataclass(frozen=True)
class MonteCarloSettings:
    """Settings that fix how `MonteCarlo` draws neighbors.

    Args:
        most: the greatest number of neighbors of an element (the paper's `nbhd`).
        fill: the fraction of the cloud that the ball of the first block holds, on average over the training data. It
            grows from block to block as elements get fewer, so that the number of elements in a ball stays the same.
        keep: the fraction of the elements that remains after all blocks, by farthest-point subsampling.
        nearest: True for the `most` nearest elements, in place of a random choice within the ball.
        alpha: the weight of the part of a distance along the group against the part across its orbits.

    Raises:
        InputError: if a value is out of range.
    """

    most: int = 32
    fill: float = 1.0
    keep: float = 1.0
    nearest: bool = False
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.most < 1:
            raise expected("most", "at least 1", self.most)
        for name in ("fill", "keep", "alpha"):
            wanted = "[0, 1]" if name == "alpha" else "(0, 1]"
            if not (0 if name == "alpha" else 1e-9) <= getattr(self, name) <= 1:
                raise expected(name, f"in {wanted}", getattr(self, name))


@dataclass(frozen=True)
class _Ordered:
    """Elements in an order such that the elements of every level come first.

    Args:
        order: the numbers of the elements.
        distance: their distances, rows and columns in that order.
        sizes: the number of elements at each level.
    """

    order: Int[Tensor, "batch m"]
    distance: Float[Tensor, "batch m m"]
    sizes: list[Int[Tensor, " batch"]]


class MonteCarlo(Drawn, Neighbors):
    """A choice that takes a few neighbors of each target, and fewer and fewer targets from block to block.

    Elements are put into farthest-point order once, so that those which a block keeps come first. A block's targets
    take `most` neighbors at random within a ball of the group distance (`Lift.distance`), or the nearest. No tensor of
    all pairs has more than one channel. The choice depends on distances, on the elements' numbers and on a seed alone,
    so neither a motion of an exact lift's group nor padding or batch mates change it; `redraw` changes the seed. Where
    all clouds share one grid of points, its order is computed once and kept.
    Finzi et al. 2020, arXiv 2002.12880, sections 4.4 and A.2.

    Args:
        lift: the lift whose elements are chosen.
        blocks: the number of blocks.
        settings: the number of neighbors, the size of the ball, and the other settings of the choice.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> from lieham.neighbors import MonteCarlo, MonteCarloSettings
        >>> lift = make_lift(None, make_group("T(2)"))
        >>> choice = MonteCarlo(lift, blocks=2, settings=MonteCarloSettings(most=4, keep=0.25))
        >>> points, mask = torch.randn(3, 16, 2), torch.ones(3, 16, dtype=torch.bool)
        >>> [tuple(pairs.index.shape) for pairs in choice(lift, points, mask)]
        [(3, 8, 4), (3, 4, 4)]
    """

    fixed = False
    coordinates_mean: Tensor
    radius: Tensor
    seed: Tensor

    def __init__(self, lift: Lift, blocks: int, settings: MonteCarloSettings):
        super().__init__(blocks)
        self.settings = settings
        for name, size in (("coordinates", lift.coordinate_dim), ("embedding", lift.embedding_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(blocks, size))
            self.register_buffer(f"{name}_deviation", torch.ones(blocks, size))
        self.register_buffer("radius", torch.full((blocks,), float("inf"), dtype=torch.float64))
        self.register_buffer("seed", torch.zeros((), dtype=torch.long))
        self._grid: tuple[Tensor, Tensor, _Ordered] | None = None

    def redraw(self, generator: torch.Generator) -> None:
        self.seed.copy_(torch.randint(2**31, (), generator=generator))

    def forward(
        self, lift: Lift, points: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]
    ) -> list[NearPairs]:
        return [self._standard(k, pairs) for k, pairs in enumerate(self._pairs(lift, points, mask))]

    def _standard(self, k: int, pairs: NearPairs) -> NearPairs:
        coordinates, embedding = (
            (getattr(pairs, name) - getattr(self, f"{name}_mean")[k]) * (1 / getattr(self, f"{name}_deviation")[k])
            for name in ("coordinates", "embedding")
        )
        between = pairs.displacement
        if between is not None:
            square = self.coordinates_mean[k, 0]  # the mean of |r|² over the block's pairs
            between = between * torch.where(square > 0, square, torch.ones_like(square)).rsqrt()
        return replace(pairs, coordinates=coordinates, embedding=embedding.clamp(-BOUND, BOUND), displacement=between)

    def _pairs(self, lift: Lift, points: Tensor, mask: Tensor) -> list[NearPairs]:
        if points.shape[-1] != lift.group.space_dim:
            raise expected("points", f"of shape (*batch, n, {lift.group.space_dim})", tuple(points.shape))
        batch = points.shape[:-2] if points.shape[:-2].numel() > 1 or mask.shape[:-1].numel() > 1 else ()
        mask = mask.expand(*batch, -1) if batch else mask.flatten()
        elements = lift.elements(points.expand(*batch, *points.shape[-2:]) if batch else points.flatten(0, -3))
        elements = elements if batch else elements[0]
        own = self._ordered(lift, elements, mask)
        order = own.order.view(*batch, -1)
        u, origin, count = gathered(elements, order, 1), order // lift.samples, mask.sum(-1).to(points.dtype)
        found = []
        for k in range(self.blocks):
            index, chosen = (x.view(*batch, *x.shape[1:]) for x in self._chosen(own, k))
            before, after = (_first(own.sizes[k + j].view(batch)) for j in (0, 1))
            t = index.shape[-2]
            near, far = u[..., :t, None, :], gathered(u, index, 2)
            seen, between = lift.invariants(near, far), lift.displacements(near, far)
            weight = chosen.to(points.dtype) / chosen.sum(-1, keepdim=True).clamp(min=1)
            found.append(NearPairs(*seen, weight, before, index, after, origin, count, displacement=between))
            u, origin = u[..., :t, :], origin[..., :t]
        return found

    @torch.no_grad()
    def calibrate(self, lift: Lift, points: Float[Tensor, "batch n d"], mask: Bool[Tensor, "batch n"]) -> None:
        """Measure the radius of every block's balls, and the mean and standard deviation of what its kernel sees.

        With these the kernel's inputs are standardized, since within a small ball they hardly vary.

        Args:
            lift: the map from positions to pairs.
            points: positions, in the units of `forward`.
            mask: the padding mask.
        """
        own = self._order(lift, lift.elements(points), mask)
        for k in range(self.blocks):
            share = self.settings.fill * self.settings.keep ** (-k / self.blocks)
            if share < 1 - 1e-9 and not self.settings.nearest:
                targets, sources = (_first(own.sizes[k + j]) for j in (1, 0))
                t, s = targets.shape[-1], sources.shape[-1]
                ranked = own.distance[:, :t, :s][targets[:, :, None] & sources[:, None]].sort().values
                self.radius[k] = ranked[round(share * (len(ranked) - 1))] * (1 + 1e-6)
        for k, pairs in enumerate(self._pairs(lift, points, mask)):
            for name in ("coordinates", "embedding"):
                seen = getattr(pairs, name)[pairs.weight > 0]
                deviation, mean = torch.std_mean(seen, 0, correction=0)
                getattr(self, f"{name}_mean")[k] = mean
                varies = deviation > torch.finfo(mean.dtype).eps ** 0.5 * mean.abs()  # not by round-off alone
                getattr(self, f"{name}_deviation")[k] = torch.where(varies, deviation, torch.ones_like(mean))

    @torch.no_grad()
    def _ordered(self, lift: Lift, elements: Tensor, mask: Tensor) -> _Ordered:
        """Return the elements in order; if the grid is that of the last call, its stored order is used."""
        if elements.ndim > 2:
            return self._order(lift, elements.flatten(0, -3), mask.flatten(0, -2))
        if self._grid is None or not _same(self._grid, (elements, mask)):
            self._grid = (elements.detach(), mask, self._order(lift, elements[None], mask[None]))
        return self._grid[2]

    def _order(self, lift: Lift, elements: Float[Tensor, "batch m e"], mask: Bool[Tensor, "batch n"]) -> _Ordered:
        real = mask.repeat_interleave(lift.samples, -1)
        others = elements.unsqueeze(-3)
        parts = [lift.distance(x.unsqueeze(-2), others, self.settings.alpha) for x in elements.split(ROWS, -2)]
        distance = torch.cat(parts, -2)
        whole, kept = real.sum(-1), self.settings.keep ** (1 / self.blocks)
        sizes = [(whole * kept**k).ceil().clamp(min=1).long() for k in range(self.blocks + 1)]
        if self.settings.keep == 1:
            order = (~real).long().argsort(dim=-1, stable=True)
            sizes = [whole] * (self.blocks + 1)
        else:
            first = farthest_first(distance, real, int(sizes[1].max()))
            number = torch.arange(real.shape[-1], device=real.device)
            place = number + len(number) * (1 + (~real).long())
            order = place.scatter(-1, first, number[: first.shape[-1]].expand_as(first)).argsort(-1)
        order = order[:, : int(whole.max())]
        rows = torch.arange(len(order), device=real.device)[:, None, None]
        return _Ordered(order, distance[rows, order[:, :, None], order[:, None]], sizes)

    @torch.no_grad()
    def _chosen(self, own: _Ordered, k: int) -> tuple[Int[Tensor, "batch t K"], Bool[Tensor, "batch t K"]]:
        """Return the places of every target's neighbors at block k, and a mask that is True where a place is used."""
        t, sources = int(own.sizes[k + 1].max()), _first(own.sizes[k])
        s = sources.shape[-1]
        distance, number = own.distance[:, :t, :s], own.order[:, :s]
        allowed = sources[:, None].expand_as(distance)
        if self.settings.nearest:
            score = distance * (1 + JITTER * hashed_uniform(number, 0)).to(distance.dtype)[:, None]
        else:
            allowed = allowed & (distance <= self.radius[k])
            score = hashed_uniform(number[:, :t, None] * 2**31 + number[:, None], self.seed + k)
        score, most = score.masked_fill(~allowed, float("inf")), min(self.settings.most, s)
        best = score.topk(most, -1, largest=False, sorted=False)
        return best.indices, best.values.isfinite()


def _first(size: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch m"]:
    """Return a mask that is True at the first `size` places, with as many places as the largest size."""
    return torch.arange(int(size.max()), device=size.device) < size[..., None]


def _same(kept: tuple, asked: tuple[Tensor, Tensor]) -> bool:
    def kind(x: Tensor) -> tuple:
        return x.shape, x.dtype, x.device

    return all(kind(x) == kind(y) and torch.equal(x, y) for x, y in zip(kept, asked, strict=False))
