"""`TensorLift` integrates over the stabiliser: it sees functions on it by their moments, which are tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch

from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.cutoff import cutoff, cutoff_slope
from lieham.lift.pairs import OrderedPairs, Pairs, unordered
from lieham.lift.radial import POWERS, measured_scales, rational_slopes, rationals, scales
from lieham.lift.term_settings import check_terms
from lieham.typing import Bool, Float, Tensor

MOST_TERMS = {2: 0, 3: 2_500, 4: 10_000}
"""Terms that are taken at most where no level is given, by the body order; those of bodies that occur are counted."""
MOST_LEVEL = 20
"""The largest level that is taken where none is given."""
SCALES = (0.9, 0.1)
"""The scale s of the radial functions of more bodies is the distance that this share of the data's pairs is below: for
laws that vary over all of the distances, and for those that vary most between neighbors."""
FILLS = (0.25, 0.4, 0.55, 0.7)
"""Shares of the other bodies within a cutoff that are tried where none is asked for."""
DEGREE = 16
"""In a network of blocks a kernel sees Chebyshev's polynomials of a pair up to this degree where none is given."""
ALIKE = 0.05
"""The least and the largest distance of the data are moved apart by this share of their logarithm's difference."""
LEVEL = 0.02
"""Beyond the distances of the data, the argument of Chebyshev's polynomials goes on by at most this, smoothly (C²)."""


class Neighborhood(NamedTuple):
    """The neighborhoods of all points, as a `TensorLift` sees them.

    Args:
        plain: the functions of the terms of two bodies for each pair, times its weight, (*batch, n, n, p); 0 for a
            point with itself.
        radial: those of the terms of more bodies, times the weight, (*batch, n, n, k).
        direction: the soft directions of each pair, (*batch, n, n, d).
    """

    plain: Float[Tensor, "*batch n n p"]
    radial: Float[Tensor, "*batch n n k"]
    direction: Float[Tensor, "*batch n n d"]


class TensorLift(Lift):
    """A lift that maps a pair to the moments of functions on the stabiliser, exact for SE(d) and E(d).

    A function on the group SE(d) that is band-limited on SO(d) is a set of tensors at each point. So LieConv's
    integral over lifted neighbors becomes A_i,ct = Σ_j R_c(|r_ij|²) u_ij^⊗t f_j, for t = 0, 1, 2, 3: no frame is chosen
    and nothing is sampled. Products of such moments that are contracted to numbers are a complete basis of energies of
    many bodies: two moments make angles, three make dihedral angles (Shapeev 2016, Multiscale Model. Simul. 14, 1153;
    Drautz 2019, Phys. Rev. B 99, 014104). Their number is fixed by `order` and `level`.

    Terms of two bodies have the functions of `CosetLift`: |r|² and the radial functions of its dictionary. Those of
    more bodies have, with y = (1 + |r|²/s²)^(−1/2), Chebyshev's polynomials T_k of y, mapped so that the data lie in
    [−1, 1], and the soft direction u = y r/s. They are smooth where bodies meet and bounded far away; s is the
    distance that a share `near` of the data's pairs is below. All are multiplied by the cutoff.

    A network of blocks (`nn.TensorResNet`) sees |r|², T_1 to T_level and the vector r of each pair.

    Args:
        group: SE(d) or E(d).
        radius: see `Lift`.
        fill: see `Lift`.
        order: the body order, which is the number of bodies that one term of the energy sees: 2, 3 or 4.
        level: the largest level of a term of more than two bodies. The level is the sum of the degrees k of its
            moments and of the exponents of its cosines. By default it is the largest one, `MOST_LEVEL` at most, with at
            most `MOST_TERMS` functions. In a network of blocks it is the largest degree k, by default `DEGREE`.
        bases: the number of scales of the radial functions of two bodies, at least 1.
        near: the share of pairs, between 0 and 1, that sets the scale s.
        species: the kinds of bodies, each a list of (mass, features) in the units of the network. By default
            `calibrate` finds them: where the data hold few kinds, each has its own functions; else functions are
            multiplied by mass and features.
        together: of which two kinds bodies are in one system, a symmetric matrix; terms of others are left out. By
            default `calibrate` finds this too.
        hand: True for terms that tell left from right too, in which one ε is contracted: u_a × u_b for SE(2), and
            u_a·(u_b × u_c), of order 4, for SE(3). By default energies are blind to mirror images.

    Raises:
        InputError: if the group is another one, or a setting is out of range.
    """

    exact = True
    kind = "tensor"
    sees_own = False
    coordinate_dim = 1
    scales: Tensor
    scale: Tensor
    span: Tensor
    sees_pairs = False

    def __init__(
        self,
        group: Group,
        radius: float | None = None,
        fill: float | None = None,
        order: int = 3,
        level: int | None = None,
        bases: int = 12,
        near: float = SCALES[-1],
        species: list[list[float]] | None = None,
        together: list[list[bool]] | None = None,
        hand: bool = False,
    ):
        check_terms(group, {"order": order, "level": level, "bases": bases}, near, hand)
        super().__init__(group, radius, fill)
        self.near, self.hand = float(near), bool(hand)
        self.order, self.level, self.bases = int(order), None if level is None else int(level), int(bases)
        self.settings |= {"order": self.order, "level": self.level, "bases": self.bases, "near": self.near}
        self.settings |= {"species": species, "together": together} | ({"hand": True} if hand else {})
        self.embedding_dim = self.level or DEGREE
        self.register_buffer("scales", torch.tensor([scales(self.bases)], dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))
        self.register_buffer("span", torch.tensor([0.0, 1.0], dtype=torch.float64))

    @property
    def species(self) -> list[list[float]] | None:
        """Return the kinds of bodies, each as (mass, features) in the units of the network, or None."""
        return self.settings["species"]  # type: ignore[return-value]

    @property
    def together(self) -> list[list[bool]] | None:
        """Return of which two kinds bodies are in one system, or None."""
        return self.settings["together"]  # type: ignore[return-value]

    @torch.no_grad()
    def calibrate(self, q: Tensor, mask: Tensor, length: Tensor) -> None:
        """Measure the radius, as every lift does, and the distances between which the radial functions vary."""
        super().calibrate(q, mask, length)
        n = q.shape[-2]
        i, j, _, _ = unordered(n, q.device)
        real = (mask[..., i] & mask[..., j]).unsqueeze(-2).expand(*q.shape[:-2], -1)
        found = (q[..., i, :] - q[..., j, :]).norm(dim=-1)[real] / length
        apart = found[(found > 0) & (found <= self.radius)].sort().values.double()
        if not len(apart):
            return
        found = measured_scales(apart.square(), self.bases)
        if found is not None:
            self.scales.copy_(found)
        self.scale.copy_(apart[round(self.near * (len(apart) - 1))])
        ends = torch.stack([apart[-1], apart[0]])
        more = ALIKE * (ends[0] / ends[1]).log().clamp(min=ALIKE)
        far, near = ends[0] * more.exp(), ends[1] * (-more).exp()
        if self.has_cutoff:
            far = torch.maximum(far, self.radius)
        self.span.copy_(torch.stack([self._bounded(far.square()), self._bounded(near.square())]))

    def plain_rank(self) -> Float[Tensor, " p"]:
        """Return the rank of the functions of two bodies: 0 for |r|², and that of `CosetLift` for the others."""
        late = (self.bases - torch.arange(self.bases)).repeat(len(POWERS) - 1)
        return torch.cat([torch.zeros(1), torch.ones(self.bases), late])

    def _bounded(self, squared: Tensor) -> Tensor:
        """Return y = (1 + |r|²/s²)^(−1/2)."""
        return (1 + squared / self.scale.to(squared).square()).rsqrt()

    def neighborhood(
        self, x: Float[Tensor, "*batch n d"], mask: Bool[Tensor, "*#batch n"], degree: int
    ) -> Neighborhood:
        """Return the radial functions and the soft directions of all pairs.

        Args:
            x: positions, in the network's unit of length.
            mask: the padding mask.
            degree: the largest degree k of the radial functions of more than two bodies, at least 1.
        """
        plain, radial, direction = self.of_displacements(x.unsqueeze(-3) - x.unsqueeze(-2), degree)
        weight = self.apart(mask).to(x.dtype)[..., None]
        return Neighborhood(plain * weight, radial * weight, direction)

    def apart(self, mask: Bool[Tensor, "*batch n"]) -> Bool[Tensor, "*batch n n"]:
        """Return True for every pair of two different real points."""
        own = torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device)
        return mask[..., :, None] & mask[..., None, :] & ~own

    def of_displacements(self, r: Float[Tensor, "*pairs d"], degree: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the functions of pairs, as in `Neighborhood`, of the vector from a point to its neighbor.

        Args:
            r: the vectors, in the network's unit of length.
            degree: the largest degree k, at least 1.
        """
        plain, radial, shrink = self.of_squared(r.square().sum(-1), degree)
        return plain, radial, r * shrink[..., None]

    def of_squared(self, squared: Float[Tensor, "*pairs"], degree: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the functions of two bodies and of more, and u/r, at squared distances.

        Args:
            squared: the squared distances c, in the network's unit.
            degree: the largest degree k, at least 1.
        """
        plain, radial, shrink = self._free(squared, degree)
        if self.has_cutoff:
            near = cutoff(squared, self.radius)[..., None]
            plain, radial = plain * near, radial * near
        return plain, radial, shrink

    def _free(self, squared: Tensor, degree: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same without the cutoff."""
        y = self._bounded(squared)
        z, _ = self._leveled(y)
        chebyshev = [torch.ones_like(z), z]
        for _ in range(degree - 1):
            chebyshev.append(2 * z * chebyshev[-1] - chebyshev[-2])
        radial = torch.stack(chebyshev, -1)
        plain = torch.cat([squared[..., None], rationals(squared[..., None], self.scales)], -1)
        return plain, radial, y / self.scale.to(squared)

    def _leveled(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return y mapped so that the data lie in [−1, 1], beyond which it levels off, and the derivative by y."""
        low, high = self.span.to(y).unbind()
        z = (2 * y - low - high) / (high - low)
        inside = z.clamp(-1, 1)
        beyond = ((z - inside) / LEVEL).tanh()
        return inside + LEVEL * beyond, (1 - beyond.square()) * (2 / (high - low))

    def with_slopes(
        self, squared: Float[Tensor, "*pairs"], degree: int
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Return what `of_squared` does, and the derivatives by the squared distances.

        Args:
            squared: the squared distances c, in the network's unit.
            degree: the largest degree k, at least 1.
        """
        plain, radial, shrink = self._free(squared, degree)
        y = shrink * self.scale.to(squared)
        down = -shrink * shrink * shrink * self.scale.to(squared) / 2  # dy/dc
        second = [torch.zeros_like(y), torch.ones_like(y)]  # U_{k−1}: T_k' = k U_{k−1}
        z, by_y = self._leveled(y)
        for _ in range(degree - 1):
            second.append(2 * z * second[-1] - second[-2])
        steps = torch.arange(degree + 1, dtype=y.dtype, device=y.device)
        radial_slope = torch.stack(second, -1) * steps * (by_y * down)[..., None]
        one, more = torch.ones_like(y)[..., None], rational_slopes(squared, plain[..., 1:], self.scales)
        plain_slope = torch.cat([one, more], -1)
        slopes = plain_slope, radial_slope, down / self.scale.to(squared)
        if not self.has_cutoff:
            return (plain, radial, shrink), slopes
        near, falls = (x[..., None] for x in (cutoff(squared, self.radius), cutoff_slope(squared, self.radius)))
        slopes = plain_slope * near + plain * falls, radial_slope * near + radial * falls, slopes[2]
        return (plain * near, radial * near, shrink), slopes

    def invariants(self, u: Tensor, v: Tensor, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        squared = (v - u).square().sum(-1, keepdim=True)
        return squared, self._free(squared[..., 0], self.embedding_dim)[1][..., 1:]

    def displacements(self, u: Tensor, v: Tensor) -> Float[Tensor, "*pairs d"]:
        return v - u

    def pairs(self, x: Tensor, mask: Tensor) -> Pairs:
        near, far = x.unsqueeze(-2), x.unsqueeze(-3)
        weight = self.weight(x, mask) * self.apart(mask).to(x.dtype)
        return OrderedPairs(*self.invariants(near, far), weight, mask, displacement=far - near)
