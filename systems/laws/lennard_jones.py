"""The Lennard-Jones cluster (1924), in reduced units."""

from __future__ import annotations

import torch

from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor
from systems.checks import check_positive
from systems.laws.draws import cluster, velocities
from systems.laws.pairs import PairLaw, inverse_length


class LennardJones(PairLaw):
    """V = 4ε Σ_{i<j} [(σ/r)¹² − (σ/r)⁶]; reduced units, ε = σ = m = 1; bodies have no features.

    Bodies start on a piece of a close-packed lattice of spacing 1.15 σ, moved by up to 0.06 σ in each component and
    turned at random, so that no two are nearer than 0.94 σ (2-D: 0.98 σ). The centre of mass is at rest, and the
    kinetic energy is d (n − 1) T/2, of which about half becomes potential energy: a warm, bound cluster. The times are
    linspace(0, 5, 500). The force between bodies at one point is taken as 0.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        epsilon: the depth ε of the well, positive.
        sigma: the distance σ at which the energy of a pair is 0, positive.
        temperature: T of the initial velocities, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "lennard-jones"
    substeps = 8

    def __init__(
        self, n_bodies: int = 6, dim: int = 2, *, epsilon: float = 1.0, sigma: float = 1.0, temperature: float = 0.5
    ):
        super().__init__(n_bodies, dim)
        check_positive(epsilon=epsilon, sigma=sigma, temperature=temperature)
        self.epsilon, self.sigma, self.temperature = epsilon, sigma, temperature

    @property
    def parameters(self) -> dict:
        return {"epsilon": self.epsilon, "sigma": self.sigma, "temperature": self.temperature}

    def pair_energy(self, d2: Tensor) -> Tensor:
        s6 = (self.sigma * inverse_length(d2)).pow(6)
        return 4 * self.epsilon * (s6.square() - s6)

    def tension(self, d2: Tensor) -> Tensor:
        inverse = inverse_length(d2)
        s6 = (self.sigma * inverse).pow(6)
        return -24 * self.epsilon * (2 * s6.square() - s6) * inverse.square()

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        q = self.sigma * cluster(generator, n, self.n_bodies, self.dim, 1.15, 0.06)
        mass = torch.ones(n, self.n_bodies, dtype=torch.float64)
        kinetic = torch.full((n,), 0.5 * self.dim * (self.n_bodies - 1) * self.temperature, dtype=torch.float64)
        return PhaseState(q, velocities(generator, mass, self.dim, kinetic)), Bodies.of(mass)
