"""Models of motion give a field for bodies; Hamiltonians, from which it follows, promise what they conserve.

`Dynamics` is the contract. A `Hamiltonian` gives H(q, p), whose field J∇H follows; a `SeparableHamiltonian` is
K(p) + V(q), with a `Kinetic` energy that says itself which motions it is invariant under.
"""

from lieham.dynamics.base import Dynamics, Functions, Units
from lieham.dynamics.hamiltonian import GeneralHamiltonian, Hamiltonian, HamiltonianField
from lieham.dynamics.kinetic import Kinetic, Newtonian
from lieham.dynamics.promise import Promise
from lieham.dynamics.separable import SeparableHamiltonian, SeparableHamiltonianField
from lieham.dynamics.uniform_field import UniformField

__all__ = [
    "Dynamics",
    "Functions",
    "GeneralHamiltonian",
    "Hamiltonian",
    "HamiltonianField",
    "Kinetic",
    "Newtonian",
    "Promise",
    "SeparableHamiltonian",
    "SeparableHamiltonianField",
    "UniformField",
    "Units",
]
