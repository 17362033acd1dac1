"""`SampledLift` is the paper's lift; it samples the stabiliser where CosetLift averages over it."""

from __future__ import annotations

import torch

from lieham.errors import InputError, check_integer, expected
from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.pairs import DensePairs, Pairs, SampledElements
from lieham.typing import Bool, Float, Tensor


class SampledPairs(DensePairs, SampledElements):
    """All m² pairs, which join the m = n s elements: `coordinates` (*batch, m, m, k)."""

    def dense(self, kernel: Tensor) -> Tensor:
        return kernel


class SampledLift(Lift):
    """A lift that maps point i to `samples` elements (x_i, h), with h Haar-distributed over the stabiliser.

    Let G = N ⋊ H, where N acts freely (it is T(d) in SE(d) and E(d), SO(2) in O(2), and trivial in SO(3)). A pair is
    then seen through N's coordinates of h_j⁻¹ x_i and h_j⁻¹ x_j, and through h_j⁻¹ h_i. The elements are drawn once and
    stay until `redraw`, so a Hamiltonian is one function along a trajectory and on every call; `fit` redraws them at
    each step of Adam. A motion of the group changes the function: the symmetry holds on average over the draws alone,
    nothing is conserved exactly, and `exact` is False. Finzi et al. 2020, arXiv 2002.12880, section 4.1.

    Args:
        group: a group whose stabiliser can be sampled.
        radius: see `Lift`.
        fill: see `Lift`.
        samples: the number of elements for each point.
        bodies: the number of points for which elements are drawn; larger clouds are refused.
        generator: the source of the draws; by default one of seed 0.

    Raises:
        InputError: if the group acts freely, if its stabiliser cannot be sampled, or if a size is below 1.
    """

    exact = False
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
            check_integer(name, value)
            if value < 1:
                raise expected(name, "at least 1", value)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise expected("generator", "a torch.Generator", repr(generator))
        samples, bodies = int(samples), int(bodies)
        super().__init__(group, radius, fill)
        self.settings |= {"samples": samples, "bodies": bodies}
        self.samples, self.bodies = samples, bodies
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.register_buffer("frames", group.stabiliser_sample(bodies, samples, generator=generator))
        d = group.space_dim
        self._columns = d if group.reflections else d - 1
        origin = torch.zeros(1, d)
        self.coordinate_dim = group.free_coordinates(origin, origin).shape[-1] + d * self._columns
        self.embedding_dim = self.coordinate_dim

    @torch.no_grad()
    def redraw(self, generator: torch.Generator) -> None:
        self.frames.copy_(self.group.stabiliser_sample(self.bodies, self.samples, generator=generator))

    def elements(self, x: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch m e"]:
        """Return the elements (x, h), with the matrix h flattened."""
        n = x.shape[-2]
        if n > self.bodies:
            raise expected("bodies", f"at least {n}, the points of the cloud", self.bodies)
        h = self.frames[:n].to(x.dtype).flatten(0, 1).flatten(-2)
        return torch.cat([x.repeat_interleave(self.samples, -2), h.expand(*x.shape[:-2], -1, -1)], -1)

    def _parts(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (*, d) and the stabiliser's matrices h (*, d, d) of elements."""
        d = self.group.space_dim
        return u[..., :d], u[..., d:].unflatten(-1, (d, d))

    def invariants(self, u: Tensor, v: Tensor, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return N's coordinates of h_v⁻¹ x_u and h_v⁻¹ x_v, followed by h_v⁻¹ h_u.

        Without mirror images its last column follows from the others, and is left out. The embedding equals the
        coordinates.

        Args:
            u: the targets.
            v: the sources.
            own: not used; this lift marks no pairs.
        """
        (x, g), (y, h) = self._parts(u), self._parts(v)
        seen, there = (torch.einsum("...ab,...a->...b", h, z) for z in (x, y))
        turn = torch.einsum("...ab,...ac->...bc", h, g)[..., : self._columns].flatten(-2)
        free = self.group.free_coordinates(seen, there)
        coordinates = torch.cat([free, turn.expand(*free.shape[:-1], -1)], -1)
        return coordinates, coordinates

    def distance(self, u: Tensor, v: Tensor, alpha: float) -> Tensor:
        """Return α |1 − h_v⁻¹ h_u|/√2 + (1 − α) |x_u − x_v|.

        In the plane the first term is 2α sin(θ/2), where θ is the angle between the two elements.

        Args:
            u: elements.
            v: elements.
            alpha: the weight α, in [0, 1].
        """
        (x, g), (y, h) = self._parts(u), self._parts(v)
        turn = (g - h).square().sum((-1, -2)).div(2).sqrt()
        return alpha * turn + (1 - alpha) * (x - y).square().sum(-1).sqrt()

    def pairs(self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"]) -> Pairs:
        u = self.elements(x)
        coordinates, embedding = self.invariants(u.unsqueeze(-2), u.unsqueeze(-3))
        weight = self.weight(x, mask).repeat_interleave(self.samples, -1).repeat_interleave(self.samples, -2)
        return SampledPairs(coordinates, embedding, weight / self.samples, mask, self.samples)
