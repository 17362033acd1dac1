"""Electric charges: Coulomb's law softened, and the bare one of the charged 5-body benchmark."""

from __future__ import annotations

from operator import itemgetter

import torch

from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor
from systems.checks import check_positive
from systems.laws.draws import balanced_signs, normal, uniform, velocities
from systems.laws.pairs import PairLaw, inverse_length, pair_weights


class Coulomb(PairLaw):
    """V = k Σ_{i<j} c_i c_j / √(|q_i − q_j|² + ε²); unit-less, k = 1 by default; the feature of a body is its charge c.

    Masses are 0.5 + u with u uniform in [0, 1). Charges are ±(0.5 + u) in random order, as many positive as negative
    ones or one more. Positions are 0.8 N(0, 1), and the centre of mass is at rest. The times are linspace(0, 5, 500).
    The law is softened as Plummer's gravity (1911) is, so that opposite charges that meet pass through each other.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        softening: the length ε, positive.
        k: the strength of the law, positive.
        warmth: the kinetic energy of a system for each of its bodies, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "coulomb"

    def __init__(self, n_bodies: int = 6, dim: int = 2, *, softening: float = 0.3, k: float = 1.0, warmth: float = 0.2):
        super().__init__(n_bodies, dim)
        check_positive(softening=softening, k=k, warmth=warmth)
        self.softening, self.k, self.warmth = softening, k, warmth

    @property
    def parameters(self) -> dict:
        return {"softening": self.softening, "k": self.k, "warmth": self.warmth}

    def weights(self, bodies: Bodies) -> Tensor:
        return self.k * pair_weights(bodies.features[..., 0], bodies)

    def pair_energy(self, d2: Tensor) -> Tensor:
        return (d2 + self.softening**2).rsqrt()

    def tension(self, d2: Tensor) -> Tensor:
        return -(d2 + self.softening**2).rsqrt().pow(3)

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 0.5 + uniform(generator, n, self.n_bodies)
        charge = (0.5 + uniform(generator, n, self.n_bodies)) * balanced_signs(generator, n, self.n_bodies)
        q = 0.8 * normal(generator, n, self.n_bodies, self.dim)
        kinetic = torch.full((n,), self.warmth * self.n_bodies, dtype=torch.float64)
        v = velocities(generator, mass, self.dim, kinetic)
        return PhaseState(q, mass[..., None] * v), Bodies.of(mass, charge[..., None])


class ChargedParticles(PairLaw):
    """V = k Σ_{i<j} c_i c_j / |q_i − q_j|, k = 1, c = ±1, m = 1, unit-less: the law of the charged 5-body benchmark.

    The benchmark is that of Satorras, Hoogeboom and Welling (2021, arXiv 2102.09844) after Kipf et al. (2018, arXiv
    1802.04687). Charges have either sign with equal probability, positions are (n/5)^{1/3} N(0, 1), speeds are 0.5 in
    random directions, and the feature of a body is c. The published data clip the forces and take fixed steps. Here
    nothing is clipped: `solve` halves the steps of a trajectory between two times until they agree to 1e-10, down to
    2⁻¹² of the grid's step. Encounters of opposite charges that are closer than that resolves are not followed. The
    force between bodies at one point is 0.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        k: the strength of the law, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "charged-particles"
    finest: int = 4096
    tolerance: float = 1e-10

    def __init__(self, n_bodies: int = 5, dim: int = 3, *, k: float = 1.0):
        super().__init__(n_bodies, dim)
        check_positive(k=k)
        self.k = k

    @property
    def parameters(self) -> dict:
        return {"k": self.k}

    def weights(self, bodies: Bodies) -> Tensor:
        return self.k * pair_weights(bodies.features[..., 0], bodies)

    def pair_energy(self, d2: Tensor) -> Tensor:
        return inverse_length(d2)

    def tension(self, d2: Tensor) -> Tensor:
        return -inverse_length(d2).pow(3)

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        charge = 2.0 * torch.randint(2, (n, self.n_bodies, 1), generator=generator).double() - 1
        q = (self.n_bodies / 5) ** (1 / 3) * normal(generator, n, self.n_bodies, self.dim)
        v = normal(generator, n, self.n_bodies, self.dim)
        v = 0.5 * v / v.norm(dim=-1, keepdim=True)
        return PhaseState(q, v), Bodies.of(torch.ones_like(charge[..., 0]), charge)

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """Yoshida-6, the steps of each trajectory halved between two times until they no longer matter."""
        batch, dtype = state.q.shape[:-2], state.q.dtype
        grid = times.double().expand(*batch, -1).reshape(-1, times.shape[-1])
        z = PhaseState(*(x.double().reshape(-1, *x.shape[-2:]) for x in state))
        held = bodies.to(dtype=torch.float64).map(lambda x: x.reshape(-1, *x.shape[len(batch) :]))
        path = [z]
        for k in range(1, grid.shape[-1]):
            path.append(self._step(path[-1], held, grid[:, k - 1 : k + 1]))
        q, p = (torch.stack(x, 1).reshape(*batch, -1, *x[0].shape[1:]).to(dtype) for x in zip(*path, strict=True))
        return PhaseState(q, p)

    def _step(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "batch 2"]) -> PhaseState:
        """The states at the second time; `row` are the trajectories that still move when the steps are halved."""
        substeps, row = 2, torch.arange(len(times))
        end = self._end(state, bodies, times, substeps)
        while len(row) and substeps < self.finest:
            substeps *= 2
            fine = self._end(PhaseState(*(x[row] for x in state)), bodies.map(itemgetter(row)), times[row], substeps)
            error = torch.maximum(*((x - y[row]).abs().flatten(1).amax(1) for x, y in zip(fine, end, strict=True)))
            for x, y in zip(end, fine, strict=True):
                x[row] = y
            row = row[error > self.tolerance]
        return end

    def _end(self, state: PhaseState, bodies: Bodies, times: Tensor, substeps: int) -> PhaseState:
        path = integrate(self.field(bodies), state, times, "yoshida6", substeps=substeps)
        return PhaseState(*(x[:, -1].clone() for x in path))
