"""A cluster held by Morse's potential (Phys. Rev. 34, 57, 1929)."""

from __future__ import annotations

import torch

from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor
from systems.checks import check_positive
from systems.laws.draws import cluster, uniform, velocities
from systems.laws.pairs import PairLaw, inverse_length, length


class Morse(PairLaw):
    """V = D Σ_{i<j} [(1 − e^{−a(r − r₀)})² − 1]; unit-less, D = r₀ = 1, a = 3 by default; bodies have no features.

    Masses are 0.5 + u with u uniform in [0, 1). Bodies start on a piece of a close-packed lattice of spacing r₀, moved
    by up to 0.1 r₀ in each component and turned at random. The centre of mass is at rest, and the kinetic energy is
    d (n − 1) T/2. The potential is finite where bodies meet; it has a kink there, and the force between bodies at one
    point is taken as 0. The times are linspace(0, 5, 500).

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        depth: the depth D of the well, positive.
        a: the inverse width of the well, positive.
        r0: the distance at its bottom, positive.
        temperature: T of the initial velocities, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "morse"
    substeps = 6

    def __init__(
        self,
        n_bodies: int = 6,
        dim: int = 2,
        *,
        depth: float = 1.0,
        a: float = 3.0,
        r0: float = 1.0,
        temperature: float = 0.5,
    ):
        super().__init__(n_bodies, dim)
        check_positive(depth=depth, a=a, r0=r0, temperature=temperature)
        self.depth, self.a, self.r0, self.temperature = depth, a, r0, temperature

    @property
    def parameters(self) -> dict:
        return {"depth": self.depth, "a": self.a, "r0": self.r0, "temperature": self.temperature}

    def pair_energy(self, d2: Tensor) -> Tensor:
        x = torch.exp(-self.a * (length(d2) - self.r0))
        return self.depth * (x.square() - 2 * x)

    def tension(self, d2: Tensor) -> Tensor:
        x = torch.exp(-self.a * (length(d2) - self.r0))
        return 2 * self.a * self.depth * (x - x.square()) * inverse_length(d2)

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 0.5 + uniform(generator, n, self.n_bodies)
        q = self.r0 * cluster(generator, n, self.n_bodies, self.dim, 1.0, 0.1)
        kinetic = torch.full((n,), 0.5 * self.dim * (self.n_bodies - 1) * self.temperature, dtype=torch.float64)
        v = velocities(generator, mass, self.dim, kinetic)
        return PhaseState(q, mass[..., None] * v), Bodies.of(mass)
