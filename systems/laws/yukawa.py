"""Screened attraction, Yukawa's law (Proc. Phys.-Math. Soc. Japan 17, 48, 1935), softened."""

from __future__ import annotations

import torch

from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor
from systems.checks import check_positive
from systems.laws.draws import normal, uniform, velocities
from systems.laws.pairs import PairLaw, pair_weights


class Yukawa(PairLaw):
    """V = −g Σ_{i<j} c_i c_j e^{−s/λ}/s, s = √(r² + ε²); unit-less, g = 2, λ = 1; the feature of a body is c.

    Like charges attract, as by the exchange of a scalar; all are positive, so that the cluster is bound, and the
    softening keeps close passages regular. Masses and charges are 0.5 + u with u uniform in [0, 1), positions
    0.8 N(0, 1), and the centre of mass is at rest. The times are linspace(0, 5, 500).

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        softening: the length ε, positive.
        g: the strength of the law, positive.
        reach: the length λ over which the attraction decays, positive.
        warmth: the kinetic energy in units of |V|/2, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "yukawa"

    def __init__(
        self,
        n_bodies: int = 6,
        dim: int = 2,
        *,
        softening: float = 0.5,
        g: float = 2.0,
        reach: float = 1.0,
        warmth: float = 0.8,
    ):
        super().__init__(n_bodies, dim)
        check_positive(softening=softening, g=g, reach=reach, warmth=warmth)
        self.softening, self.g, self.reach, self.warmth = softening, g, reach, warmth

    @property
    def parameters(self) -> dict:
        return {"softening": self.softening, "g": self.g, "reach": self.reach, "warmth": self.warmth}

    def weights(self, bodies: Bodies) -> Tensor:
        return self.g * pair_weights(bodies.features[..., 0], bodies)

    def pair_energy(self, d2: Tensor) -> Tensor:
        s = (d2 + self.softening**2).sqrt()
        return -torch.exp(-s / self.reach) / s

    def tension(self, d2: Tensor) -> Tensor:
        s = (d2 + self.softening**2).sqrt()
        return torch.exp(-s / self.reach) * (1 / s + 1 / self.reach) / s.square()

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 0.5 + uniform(generator, n, self.n_bodies)
        bodies = Bodies.of(mass, 0.5 + uniform(generator, n, self.n_bodies, 1))
        q = 0.8 * normal(generator, n, self.n_bodies, self.dim)
        v = velocities(generator, mass, self.dim, -0.5 * self.warmth * self.potential(q, bodies))
        return PhaseState(q, mass[..., None] * v), bodies
