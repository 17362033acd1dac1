"""Hamiltonians and the one vector field that follows from them: q̇ = ∂H/∂p, ṗ = −∂H/∂q."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import copy

from torch import nn

from lieham.compiling import compiled_gradient, gradient
from lieham.integrate.base import Field, SeparableField
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor


class Hamiltonian(nn.Module, ABC):
    """A scalar H(q, p) of a phase-space state and its bodies. It may hold a network; it is not one."""

    @abstractmethod
    def energy(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch"]:
        """H, one number for each state of the batch."""

    def of(self, state: PhaseState, mass: Tensor, features: Tensor, mask: Tensor) -> Float[Tensor, "*batch"]:
        """`energy`, of tensors alone."""
        return self.energy(state, Bodies(mass, features, mask))

    def field(self, bodies: Bodies) -> Field:
        """J∇H for these bodies."""
        return HamiltonianField(self, bodies)

    def forward(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.energy(state, bodies)

    def calibrate(self, data: Trajectory) -> None:
        """Measure on training data, once, what the model's units depend on; `fit` calls it first."""


class HamiltonianField(Field):
    """J∇H by reverse-mode differentiation."""

    def __init__(self, hamiltonian: Hamiltonian, bodies: Bodies):
        self.hamiltonian, self._inputs = hamiltonian, (bodies.mass, bodies.features, bodies.mask)
        self._gradient = gradient(hamiltonian.of)

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        slope = self._gradient(PhaseState(*state), *self._inputs)
        return PhaseState(slope.p, -slope.q)

    def compiled(self) -> HamiltonianField:
        field = copy(self)
        field._gradient = compiled_gradient(self.hamiltonian.of)
        return field

    def parameters(self) -> Iterable[Tensor]:
        return self.hamiltonian.parameters()


class GeneralHamiltonian(Hamiltonian):
    """Any differentiable callable H(state, bodies) → (*batch,); a module's parameters are learned with it."""

    def __init__(self, function: Callable[[PhaseState, Bodies], Tensor]):
        super().__init__()
        self.function = function

    def energy(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.function(state, bodies)


class Newtonian(nn.Module):
    """K = Σ |p_i|² / 2m_i, with velocity p/m, linear in p."""

    linear_velocity = True

    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        kinetic = p.square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1)

    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """∂K/∂p; 0 for padding."""
        return p / bodies.mass[..., None] * bodies.mask[..., None]


class SeparableHamiltonian(Hamiltonian):
    """H = K(p) + V(q): `kinetic(p, bodies)` and `potential(q, bodies)`, each (*batch,)."""

    def __init__(self, potential: Callable[[Tensor, Bodies], Tensor], kinetic: Newtonian | None = None):
        super().__init__()
        self.kinetic = Newtonian() if kinetic is None else kinetic
        self.potential = potential

    def energy(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.kinetic(state.p, bodies) + self.potential(state.q, bodies)

    def at(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        """V of these bodies, as a function of q and of tensors: what hangs on the bodies alone is computed once."""
        return self._potential, (bodies.mass, bodies.features, bodies.mask)

    def _potential(self, q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return self.potential(q, Bodies(mass, features, mask))

    def field(self, bodies: Bodies) -> SeparableField:
        """The same J∇H, with velocity and force apart, as splitting methods need it."""
        return SeparableHamiltonianField(self, bodies)


class SeparableHamiltonianField(SeparableField):
    """q̇ = ∂K/∂p, ṗ = −∂V/∂q."""

    def __init__(self, hamiltonian: SeparableHamiltonian, bodies: Bodies):
        self.hamiltonian, self.bodies = hamiltonian, bodies
        self.linear_velocity = hamiltonian.kinetic.linear_velocity
        self._potential, self._inputs = hamiltonian.at(bodies)
        self._gradient = gradient(self._potential)

    def velocity(self, t: Tensor, p: Tensor) -> Tensor:
        return self.hamiltonian.kinetic.velocity(p, self.bodies)

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return -self._gradient(q, *self._inputs)

    def compiled(self) -> SeparableHamiltonianField:
        field = copy(self)
        field._gradient = compiled_gradient(self._potential)
        return field

    def parameters(self) -> Iterable[Tensor]:
        return self.hamiltonian.parameters()
