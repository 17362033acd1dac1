"""Hamiltonians and the one vector field that follows from them: q̇ = ∂H/∂p, ṗ = −∂H/∂q."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import copy
from typing import ClassVar

import torch
from torch import nn

from lieham._support.compiling import compiled_gradient, gradient
from lieham.dynamics.dictionary import Dictionary
from lieham.errors import InputError
from lieham.integrate.base import Field
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor


class Hamiltonian(nn.Module, ABC):
    """A scalar H(q, p) of a phase-space state and its bodies. It may hold a network; it is not one."""

    learns_from: ClassVar[str] = "trajectories"
    """The `kind` of the datasets that `fit` takes for it."""
    separable: ClassVar[bool] = False
    """H = K(p) + V(q), so that q̇ hangs on p alone and ṗ on q alone."""

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

    def dictionary(self) -> Dictionary | None:
        """Return the functions in whose coefficients H is linear; None where there are none."""
        return None

    def richer(self) -> Hamiltonian | None:
        """Return a fresh model of the same settings whose lift sees more, such as angles.

        None where the lift was asked for, where units were measured on data already, and where there is no such lift.
        """
        return None

    def adopt(self, other: Hamiltonian) -> None:
        """Take the network, the units and the settings of `other`, a model that `richer` made."""
        raise InputError(f"model must be one that can see more, got {type(self).__name__}, which made no {other}")

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the model samples; a model that samples nothing stays as it is."""


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
