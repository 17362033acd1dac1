"""SampledLift: the paper's, random elements of the stabiliser in place of an average over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.pairs import Pairs
from lieham.typing import Bool, Float, Tensor


@dataclass(frozen=True)
class SampledPairs(Pairs):
    """All m² pairs of the m = n s elements, s from each point: `coordinates` (*batch, m, m, k)."""

    samples: int

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel

    def lift(self, features: Tensor) -> Tensor:
        """f_i on every element of point i."""
        return features.repeat_interleave(self.samples, -2)

    def pool(self, values: Tensor) -> Tensor:
        return super().pool(values.unflatten(-2, (-1, self.samples)).mean(-2))

    @property
    def sources(self) -> Tensor:
        return self.mask.repeat_interleave(self.samples, -1)


class SampledLift(Lift):
    """Point i becomes `samples` elements (x_i, h), h Haar-distributed over the stabiliser (Finzi et al. 2020, 4.1).

    For G = N ⋊ H with N acting freely (T(d) in SE(d), nothing in SO(3)) a pair is seen through N's coordinates of
    h_j⁻¹ x_i and h_j⁻¹ x_j, and h_j⁻¹ h_i. The elements are drawn from `generator` and stay until `redraw`, so H is one
    function along a trajectory, and the same one on every call; `fit` redraws them at each Adam step. A motion of the
    group changes H: the symmetry holds on average over the draws alone, nothing is conserved exactly, and `exact` is
    False.

    Args:
        samples: elements a point.
        bodies: how many points the elements are drawn for.
        generator: of the elements; by default one of seed 0.

    Raises InputError for a group that acts freely, for one whose stabiliser cannot be sampled, on sizes below 1,
    and for clouds of more than `bodies` points.
    """

    exact: ClassVar[bool] = False
    kind = "sampled"
    frames: Tensor

    def __init__(
        self,
        group: Group,
        radius: float | None = None,
        fill: float | None = None,
        samples: int = 4,
        bodies: int = 64,
        generator: torch.Generator | None = None,
    ):
        if group.acts_freely:
            raise InputError(f"lift must be PointLift for {group}, which acts freely, got SampledLift")
        for name, value in (("samples", samples), ("bodies", bodies)):
            if value < 1:
                raise expected(name, "at least 1", value)
        super().__init__(group, radius, fill)
        self.settings |= {"samples": samples, "bodies": bodies}
        self.samples, self.bodies = samples, bodies
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.register_buffer("frames", group.stabiliser_sample(bodies, samples, generator=generator))
        d = group.space_dim
        origin = torch.zeros(1, d)
        self.coordinate_dim = group.free_coordinates(origin, origin).shape[-1] + d * (d - 1)
        self.embedding_dim = self.coordinate_dim

    @torch.no_grad()
    def redraw(self, generator: torch.Generator) -> None:
        self.frames.copy_(self.group.stabiliser_sample(self.bodies, self.samples, generator=generator))

    def elements(self, x: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch m e"]:
        """(x, h), h flattened."""
        n = x.shape[-2]
        if n > self.bodies:
            raise expected("bodies", f"at least {n}, the points of the cloud", self.bodies)
        h = self.frames[:n].to(x.dtype).flatten(0, 1).flatten(-2)
        return torch.cat([x.repeat_interleave(self.samples, -2), h.expand(*x.shape[:-2], -1, -1)], -1)

    def _parts(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Point and turn of elements."""
        d = self.group.space_dim
        return u[..., :d], u[..., d:].unflatten(-1, (d, d))

    def invariants(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """N's coordinates of h_v⁻¹ x_u and h_v⁻¹ x_v, and h_v⁻¹ h_u, of which the last column follows from the others;
        the embedding is the same."""
        (x, g), (y, h) = self._parts(u), self._parts(v)
        seen, own = (torch.einsum("...ab,...a->...b", h, z) for z in (x, y))
        turn = torch.einsum("...ab,...ac->...bc", h, g)[..., : x.shape[-1] - 1].flatten(-2)
        free = self.group.free_coordinates(seen, own)
        coordinates = torch.cat([free, turn.expand(*free.shape[:-1], -1)], -1)
        return coordinates, coordinates

    def distance(self, u: Tensor, v: Tensor, alpha: float) -> Tensor:
        """α |1 − h_v⁻¹ h_u|/√2 + (1 − α) |x_u − x_v|: turns against positions, the former 2 sin θ/2 in the plane."""
        (x, g), (y, h) = self._parts(u), self._parts(v)
        turn = (g - h).square().sum((-1, -2)).div(2).sqrt()
        return alpha * turn + (1 - alpha) * (x - y).square().sum(-1).sqrt()

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        u = self.elements(x)
        coordinates, embedding = self.invariants(u.unsqueeze(-2), u.unsqueeze(-3))
        weight = self.weight(x, mask).repeat_interleave(self.samples, -1).repeat_interleave(self.samples, -2)
        return SampledPairs(coordinates, embedding, weight / self.samples, mask, self.samples)
