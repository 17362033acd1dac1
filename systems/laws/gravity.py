"""Gravity, softened as in Plummer's model (1911)."""

from __future__ import annotations

import torch

from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor
from systems.checks import check_positive
from systems.laws.base import Force, System
from systems.laws.draws import normal, uniform, velocities
from systems.laws.pairs import pair_weights


class Gravity(System):
    """V = −G Σ_{i<j} m_i m_j / √(|q_i − q_j|² + ε²); unit-less, G = 1 by default; bodies have no features.

    Masses are 0.5 + u with u uniform in [0, 1), positions 0.8 N(0, 1), and the whole drifts at 0.1 N(0, 1) in each
    component. The times are linspace(0, 5, 500).

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        softening: the length ε, positive.
        G: the strength of the law, positive.
        warmth: the kinetic energy about the centre of mass, in units of |V|/2: 1 is the virial value, and below 1 the
            system is bound and contracts.
        equal_masses: make every mass 1, at the same positions.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "gravity"

    def __init__(
        self,
        n_bodies: int = 6,
        dim: int = 2,
        *,
        softening: float = 0.3,
        G: float = 1.0,
        warmth: float = 0.8,
        equal_masses: bool = False,
    ):
        super().__init__(n_bodies, dim)
        check_positive(softening=softening, G=G, warmth=warmth)
        self.softening, self.G, self.warmth, self.equal_masses = softening, G, warmth, equal_masses

    @property
    def parameters(self) -> dict:
        settings = {"softening": self.softening, "G": self.G, "warmth": self.warmth}
        return settings | {"equal_masses": self.equal_masses}

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        return -0.5 * self.G * (pair_weights(bodies.mass, bodies) * self._inverse(q)).sum((-1, -2))

    def force(self, bodies: Bodies) -> Force:
        strength = self.G * pair_weights(bodies.mass, bodies)

        def force(q: Tensor) -> Tensor:
            delta = q.unsqueeze(-2) - q.unsqueeze(-3)
            return -((strength * self._inverse(q).pow(3))[..., None] * delta).sum(-2)

        return force

    def _inverse(self, q: Tensor) -> Tensor:
        """1 / √(d² + ε²)."""
        return ((q.unsqueeze(-2) - q.unsqueeze(-3)).square().sum(-1) + self.softening**2).rsqrt()

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 0.5 + uniform(generator, n, self.n_bodies)
        if self.equal_masses:
            mass = torch.ones_like(mass)
        bodies = Bodies.of(mass)
        q = 0.8 * normal(generator, n, self.n_bodies, self.dim)
        v = velocities(generator, mass, self.dim, -0.5 * self.warmth * self.potential(q, bodies))
        drift = 0.1 * normal(generator, n, 1, self.dim)
        return PhaseState(q, mass[..., None] * (v + drift)), bodies
