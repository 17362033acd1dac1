"""Dynamics: a scalar H of states and bodies, and the vector field that follows from it."""

from lieham.dynamics.hamiltonian import GeneralHamiltonian, Hamiltonian, HamiltonianField
from lieham.dynamics.separable import Newtonian, SeparableHamiltonian, SeparableHamiltonianField

__all__ = [
    "GeneralHamiltonian",
    "Hamiltonian",
    "HamiltonianField",
    "Newtonian",
    "SeparableHamiltonian",
    "SeparableHamiltonianField",
]
