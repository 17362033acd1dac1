"""H = K(p) + V(q) keeps velocity and force apart, as splitting methods need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from typing import ClassVar

from lieham._support.compiling import compiled_gradient, gradient
from lieham.dynamics.base import Functions
from lieham.dynamics.hamiltonian import Answer, Hamiltonian
from lieham.dynamics.kinetic import Kinetic, Newtonian
from lieham.dynamics.promise import CHANGES_K, NO, YES
from lieham.groups import Group, Trivial
from lieham.groups.algebra import moves_freely
from lieham.integrate.base import SeparableField
from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor


class SeparableHamiltonian(Hamiltonian):
    """A separable Hamiltonian is H(q, p) = K(p) + V(q), with velocity ∂K/∂p and force −∂V/∂q.

    A subclass that sets `group` declares the symmetry of V. The kinetic energy says itself which of its motions leave K
    unchanged.

    Args:
        potential: V(q, bodies) → (*batch,) of positions (*batch, n, d); a module's parameters are learned with it.
        kinetic: K, by default Newton's Σ|p|²/2m.

    Example:
        >>> import lieham
        >>> springs = lieham.SeparableHamiltonian(lambda q, bodies: 0.5 * q.square().sum((-2, -1)))
        >>> springs.group = lieham.make_group("R*SO(2)")
        >>> [(promise.charge, promise.verdict) for promise in springs.promises("R*SO(2)")[:2]]
        [('D', 'no: changes K'), ('L', 'yes')]
    """

    separable: ClassVar[bool] = True

    def __init__(self, potential: Callable[[Tensor, Bodies], Tensor], kinetic: Kinetic | None = None):
        super().__init__()
        self.kinetic = Newtonian() if kinetic is None else kinetic
        self.potential = potential

    def energy(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.kinetic(state.p, bodies) + self.potential(state.q, bodies)

    def at(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        """Return V of these bodies as a function of q and of tensors; terms of the bodies alone are computed once."""
        return self._potential, (bodies.mass, bodies.features, bodies.mask)

    def _potential(self, q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return self.potential(q, Bodies(mass, features, mask))

    def field(self, bodies: Bodies) -> SeparableField:
        """Return the same field J∇H, with velocity and force apart, as splitting methods need it."""
        return SeparableHamiltonianField(self, bodies)

    def functions(self) -> Functions:
        return replace(super().functions(), potential=self._potential, shares=self.kinetic.keeps)

    def _of_momenta(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        answers, shared = super()._of_momenta(group, bodies), self.kinetic.on(bodies).keeps(group).tolist()
        why = f"V is invariant under {self.group}, but this motion changes {self.kinetic.equation}, and so H."
        changed = Answer(CHANGES_K, why)
        return [x if keeps or x.verdict == NO else changed for x, keeps in zip(answers, shared, strict=True)]

    def _of_spins(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        free = moves_freely(self.group or Trivial(group.space_dim), group).tolist()
        orbits, unknown = self.kinetic.on(bodies).keeps_orbit(group).tolist(), super()._of_spins(group, bodies)
        answers = zip(self._of_momenta(group, bodies), free, orbits, unknown, strict=True)
        return [self._spin(x, alone) if orbit else no for x, alone, orbit, no in answers]

    def _of_boosts(self, axes: Group, bodies: Bodies | None) -> list[Answer]:
        moves, unknown = self.kinetic.on(bodies).keeps_centre(axes.space_dim).tolist(), super()._of_boosts(axes, bodies)
        answers = zip(self._of_momenta(axes, bodies), moves, unknown, strict=True)
        return [self._boost(x) if moving else no for x, moving, no in answers]

    def _kept(self) -> Answer:
        verdict, why = super()._kept()
        if verdict != YES:
            return Answer(verdict, why)
        return Answer(YES, f"V is invariant under {self.group} and {self.kinetic.equation} too: Noether's theorem.")

    @staticmethod
    def _spin(whole: Answer, alone: bool) -> Answer:
        """Return the answer for L_cm, given that for L, and whether P is kept across its axis."""
        if not alone:
            return Answer(NO, "P is not kept in the plane of this motion, so neither are q_cm × P and L − q_cm × P.")
        if whole.verdict != YES:
            return whole
        return Answer(YES, "L is kept, and so is q_cm × P, since P is and the centre of mass moves along with it.")

    @staticmethod
    def _boost(momentum: Answer) -> Answer:
        """Return the answer for a boost, given that for P along its axis."""
        if momentum.verdict != YES:
            return momentum
        return Answer(YES, "P is kept along this axis and the centre of mass moves with P/M, so it moves uniformly.")


class SeparableHamiltonianField(SeparableField):
    """This field computes q̇ = ∂K/∂p and ṗ = −∂V/∂q apart from each other."""

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
