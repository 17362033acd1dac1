"""The base classes of the baselines: modules with a field, and with units that `lieham.fit` calibrates on the data."""

from __future__ import annotations

from abc import abstractmethod

import torch

from benchmarks.baselines.units import Units
from lieham.dynamics.base import Dynamics
from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.integrate import Field, SeparableField
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Tensor


class Rates(Dynamics):
    """A learned vector field: (q̇, ṗ) of a state, both from a network."""

    units: Units

    @abstractmethod
    def forward(self, state: PhaseState, bodies: Bodies) -> tuple[Tensor, Tensor]:
        """q̇ and ṗ in units of the data's own, (*batch, n, d) each."""

    def field(self, bodies: Bodies) -> Field:
        """The rates for these bodies."""
        return _RatesField(self, bodies)

    def calibrate(self, data: Trajectory) -> None:
        """Calibrate the units on data."""
        self.units.calibrate(data)


class Force(Dynamics):
    """A learned second-order equation: q̇ = p/m is known, ṗ is a network of the positions."""

    units: Units

    @abstractmethod
    def forward(self, q: Tensor, bodies: Bodies) -> Tensor:
        """ṗ in units of the data's own, (*batch, n, d)."""

    def field(self, bodies: Bodies) -> SeparableField:
        """Velocity and force for these bodies."""
        return _ForceField(self, bodies)

    def calibrate(self, data: Trajectory) -> None:
        """Calibrate the units on data."""
        self.units.calibrate(data)


class Energy(GeneralHamiltonian):
    """H(q, p) of a network of both."""

    def calibrate(self, data: Trajectory) -> None:
        self.function.units.calibrate(data)


class Potential(SeparableHamiltonian):
    """H = Σ|p|²/2m + V(q), V a network."""

    def calibrate(self, data: Trajectory) -> None:
        self.potential.units.calibrate(data)


class _RatesField(Field):
    def __init__(self, model: Rates, bodies: Bodies):
        self.model, self.bodies = model, bodies

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        q, p = self.model(state, self.bodies)
        real = self.bodies.mask[..., None]
        return PhaseState(self.model.units.velocity * q * real, self.model.units.force * p * real)


class _ForceField(SeparableField):
    linear_velocity = True

    def __init__(self, model: Force, bodies: Bodies):
        self.model, self.bodies = model, bodies

    def velocity(self, t: Tensor, p: Tensor) -> Tensor:
        return p / self.bodies.mass[..., None] * self.bodies.mask[..., None]

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return self.model.units.force * self.model(q, self.bodies) * self.bodies.mask[..., None]


def pairs_apart(bodies: Bodies) -> Tensor:
    """1 where i and j are two real bodies, (*batch, n, n)."""
    real = bodies.mask[..., :, None] & bodies.mask[..., None, :]
    n = real.shape[-1]
    return (real & ~torch.eye(n, dtype=torch.bool, device=real.device)).double()
