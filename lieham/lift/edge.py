"""`EdgeLift` lifts each point once for each neighbor, facing it, so that a convolution sees angles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from lieham.errors import InputError, check_integer, expected
from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.pairs import MatricesFirst, Pairs
from lieham.lift.radial import POWERS, measured_scales, rationals, scales
from lieham.typing import Bool, Float, Int, Tensor

TRIPLE_SCALES = 4
TRIPLE_POWERS = (2.0, 6.0)


@dataclass(frozen=True)
class EdgePairs(MatricesFirst):
    """Pairs that join an edge i → j with the edges k → i that end in i: `coordinates` (*batch, n, n−1, n−1, ·).

    The m = n(n−1) edges stand in the order of `_edges`, and `weight` (*batch, n, n−1) is the weight of an edge.

    Args:
        source: the numbers of the edges k → i, (n, n−1).
        target: the other ends j of the edges i → j, (n, n−1).
    """

    source: Int[Tensor, "n others"]
    target: Int[Tensor, "n others"]

    def lift(self, features: Tensor) -> Tensor:
        """Return the features (f_i, f_j) of both ends on every edge i → j."""
        here = features.unsqueeze(-2).expand(*features.shape[:-1], self.target.shape[1], features.shape[-1])
        there = features.index_select(-2, self.target.flatten()).unflatten(-2, self.target.shape)
        return torch.cat([here, there], -1).flatten(-3, -2)

    def contract(self, kernel: Tensor, values: Tensor) -> Tensor:
        """Return Σ_kκ weight_ik kernel_ijkκ values_(k→i)κc on every edge i → j."""
        arriving = values.index_select(-3, self.source.flatten()).unflatten(-3, self.source.shape)
        kernel = kernel * self.weight[..., None, :, None]
        return torch.einsum("...ijkx,...ikxc->...ijc", kernel, arriving).flatten(-3, -2)

    @property
    def sources(self) -> Tensor:
        return (self.weight > 0).flatten(-2)

    def pool(self, values: Tensor) -> Tensor:
        """Return the weighted sum over edges; an edge leaves the neighborhood smoothly, since its weight is then 0."""
        return (values * self.weight.flatten(-2)[..., None]).sum(-2)


class EdgeLift(Lift):
    """A lift that maps point i to the elements (x_i, r_ij = x_j − x_i), one for each neighbor j.

    It is exact for SE(d) and E(d).

    The frame's direction enters as r_ij, which is not normalized but has the cutoff's weight, since no frame can be
    chosen continuously (Dym et al. 2024, arXiv 2402.16077). Features live on edges. A convolution takes those of
    k → i to i → j by the invariants |r_ij|², |r_ik|² and r_ij·r_ik, for SE(2) by r_ij × r_ik too. All of these are
    polynomials, hence smooth where bodies meet. A pair k = j carries the energy of two bodies; `coordinates` mark it
    and keep it apart. So one block can represent every energy of two and three bodies, angles included, and a second
    block adds dihedral angles. For E(d), and in space, where two directions do not tell left from right, the lift is
    blind to mirror images, as distances are.

    For the pairs k = j the kernel sees what it sees with CosetLift. For the others it sees the products
    R_a(|r_ij|²) R_b(|r_ik|²) u, a ≤ b, of radial functions with u = 1, c, c² and, for SE(2), the sine, where
    c = r_ij·r_ik / √((1 + |r_ij|²)(1 + |r_ik|²)) tends to a cosine; and functions of each of the three sides alone.

    Elements are edges here, so a `PairList`, which lists pairs of points, cannot name their pairs.

    Args:
        group: SE(d) or E(d).
        radius: see `Lift`.
        fill: see `Lift`.
        bases: the number of scales of the pairs k = j, at least `TRIPLE_SCALES`.

    Raises:
        InputError: if the group is another one, or if there are fewer bases than `TRIPLE_SCALES`.
    """

    exact = True
    kind = "edge"
    scales: Tensor

    def __init__(self, group: Group, radius: float | None = None, fill: float | None = None, bases: int = 12):
        if not group.rigid:
            raise InputError(f"lift must be PointLift or CosetLift for {group}, got EdgeLift: it is for SE(d) and E(d)")
        check_integer("bases", bases)
        bases = int(bases)
        if bases < TRIPLE_SCALES:
            raise expected("bases", f"at least {TRIPLE_SCALES}", bases)
        super().__init__(group, radius, fill)
        self.settings |= {"bases": bases}
        self.register_buffer("scales", torch.tensor([scales(bases)], dtype=torch.float64))
        self.handed = group.space_dim == 2 and not group.reflections
        products = 1 + self.handed
        self.coordinate_dim = 4 + products
        wide = torch.arange(bases - 1, -1, -2)[:TRIPLE_SCALES]
        self.register_buffer("wide", wide, persistent=False)
        each = len(TRIPLE_POWERS) * len(wide)
        self.register_buffer("couples", torch.triu_indices(each, each), persistent=False)
        self.angles = products + 2
        self.embedding_dim = 1 + len(POWERS) * bases + self.angles * self.couples.shape[1] + 3 * len(wide)

    wide: Tensor
    couples: Tensor

    def feature_dim(self, features: int) -> int:
        return 2 * features

    @torch.no_grad()
    def calibrate(self, q: Tensor, mask: Tensor, length: Tensor) -> None:
        """Measure the radius, as every lift does, and the scales of the radial functions."""
        super().calibrate(q, mask, length)
        real = (mask[..., :, None] & mask[..., None, :]).unsqueeze(-3).expand(*q.shape[:-1], -1)
        squared = (q.unsqueeze(-2) - q.unsqueeze(-3)).square().sum(-1)[real] / length.square()
        found = measured_scales(squared, self.scales.shape[1])
        if found is not None:
            self.scales.copy_(found)

    def rank(self) -> Tensor:
        """Return ranks by which the widest scale comes first; a product has the rank of its narrower scale."""
        late = (self.scales.shape[1] - torch.arange(self.scales.shape[1])).float()
        each = late[self.wide.cpu()].repeat(len(TRIPLE_POWERS))
        couples = each[self.couples.cpu()].amax(0)
        parts = [torch.ones(1), late.repeat(len(POWERS)), couples.repeat(self.angles), late[self.wide.cpu()].repeat(3)]
        return torch.cat(parts)

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        target, source, flat = _edges(x.shape[-2], x.device)
        r = x.index_select(-2, target.flatten()).unflatten(-2, target.shape) - x.unsqueeze(-2)
        weight = self.weight(x, mask).flatten(-2).index_select(-1, flat).unflatten(-1, target.shape)
        to, back = r.unsqueeze(-2), r.unsqueeze(-3)
        squared = r.square().sum(-1)
        products = [(to * back).sum(-1)]
        if self.handed:
            products.append(to[..., 0] * back[..., 1] - to[..., 1] * back[..., 0])
        to2, back2 = torch.broadcast_tensors(squared.unsqueeze(-1), squared.unsqueeze(-2))
        same = torch.eye(target.shape[1], dtype=x.dtype, device=x.device).expand_as(to2)
        apart = 1 - same
        coordinates = torch.stack([same, same * to2, *(apart * c for c in (to2, back2, *products))], -1)
        third = (to - back).square().sum(-1)
        embedding = torch.cat(
            [
                same[..., None],
                same[..., None] * rationals(squared[..., None], self.scales).unsqueeze(-2),
                apart[..., None] * self._triples(squared, to2, back2, products),
                rationals(torch.stack([to2, back2, third], -1), self._wide(), (0.5,)),
            ],
            -1,
        )
        return EdgePairs(coordinates, embedding, weight, mask, source, target)

    def _wide(self) -> Tensor:
        """Return the `TRIPLE_SCALES` scales that the functions of triples use."""
        return self.scales[:, self.wide]

    def _triples(self, squared: Tensor, to2: Tensor, back2: Tensor, products: list[Tensor]) -> Tensor:
        """Return R_a(|r_ij|²) R_b(|r_ik|²) u for every angle function u and couple a ≤ b."""
        each = rationals(squared[..., None], self._wide(), TRIPLE_POWERS)
        first, second = self.couples
        couples = each[..., first].unsqueeze(-2) * each[..., second].unsqueeze(-3)
        bounded = ((1 + to2) * (1 + back2)).rsqrt()
        cosine, *sine = (bounded * c for c in products)
        angles = [torch.ones_like(cosine), cosine, cosine.square(), *sine]
        return torch.cat([u[..., None] * couples for u in angles], -1)


@lru_cache(maxsize=32)
def _edges(n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the indices of all edges of n points.

    These are the other end j of each edge i → j and the number of the edge j → i, both of shape (n, n−1), and the flat
    numbers i n + j.
    """
    i = torch.arange(n, device=device)[:, None]
    rank = torch.arange(n - 1, device=device)[None]
    j = rank + (rank >= i).long()
    back = j * (n - 1) + i - (i > j).long()
    return j, back, (i * n + j).flatten()
