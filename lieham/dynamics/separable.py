"""H = K(p) + V(q): velocity and force apart, as splitting methods need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import ClassVar

from torch import nn

from lieham._support.compiling import compiled_gradient, gradient
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.integrate.base import SeparableField
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor


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

    separable: ClassVar[bool] = True

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
