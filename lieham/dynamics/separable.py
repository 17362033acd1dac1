"""H = K(p) + V(q) keeps velocity and force apart, as splitting methods need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import ClassVar

from lieham._support.compiling import compiled_gradient, gradient
from lieham.dynamics.base import Functions
from lieham.dynamics.hamiltonian import Answer, Hamiltonian
from lieham.dynamics.kinetic import Kinetic, Newtonian
from lieham.dynamics.promise import CHANGES_K, NO, YES
from lieham.dynamics.uniform_field import UniformField
from lieham.groups import Group, Trivial
from lieham.groups.algebra import moves_freely
from lieham.groups.subgroup import leaves_height
from lieham.integrate.base import SeparableField
from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor


class SeparableHamiltonian(Hamiltonian):
    """A separable Hamiltonian is H(q, p) = K(p) + V(q), with velocity ∂K/∂p and force −∂V/∂q.

    A subclass that sets `group` declares the symmetry of V. The kinetic energy says itself which of its motions leave K
    unchanged. Where there is a uniform field, −Σ m_i g·q_i is added to V, and `group` is the symmetry of the rest.

    Args:
        potential: V(q, bodies) → (*batch,) of positions (*batch, n, d); a module's parameters are learned with it.
        kinetic: K, by default Newton's Σ|p|²/2m.
        uniform_field: the field of the environment; by default there is none.

    Example:
        >>> import lieham
        >>> springs = lieham.SeparableHamiltonian(lambda q, bodies: 0.5 * q.square().sum((-2, -1)))
        >>> springs.group = lieham.make_group("R*SO(2)")
        >>> [(promise.charge, promise.verdict) for promise in springs.promises("R*SO(2)")[:2]]
        [('D', 'no: changes K'), ('L', 'yes')]
    """

    separable: ClassVar[bool] = True

    def __init__(
        self,
        potential: Callable[[Tensor, Bodies], Tensor],
        kinetic: Kinetic | None = None,
        uniform_field: UniformField | None = None,
    ):
        super().__init__()
        self.kinetic = Newtonian() if kinetic is None else kinetic
        self.potential = potential
        self.uniform = uniform_field

    @property
    def uniform_field(self) -> UniformField | None:
        return self.uniform

    def energy(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.kinetic(state.p, bodies) + self._external(self.potential(state.q, bodies), state.q, bodies)

    def _external(self, potential: Tensor, q: Tensor, bodies: Bodies) -> Tensor:
        """Return the potential with that of the uniform field."""
        return potential if self.uniform_field is None else potential + self.uniform_field(q, bodies)

    def at(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        """Return V of these bodies as a function of q and of tensors; terms of the bodies alone are computed once."""
        function, inputs = self.within(bodies)
        if self.uniform_field is None:
            return function, inputs
        return WithForces(function), (self.uniform_field.weights(bodies), *inputs)

    def within(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        """Return the same as `at`, of the potential without the uniform field."""
        return self._within, (bodies.mass, bodies.features, bodies.mask)

    def _within(self, q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return self.potential(q, Bodies(mass, features, mask))

    def _potential(self, q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        bodies = Bodies(mass, features, mask)
        return self._external(self.potential(q, bodies), q, bodies)

    def field(self, bodies: Bodies) -> SeparableField:
        """Return the same field J∇H, with velocity and force apart, as splitting methods need it."""
        return SeparableHamiltonianField(self, bodies)

    def functions(self) -> Functions:
        return replace(super().functions(), potential=self._potential, shares=self.kinetic.keeps)

    def _of_momenta(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        answers, field = self._of_momenta_within(group, bodies), self.uniform_field
        if field is None:
            return answers
        kept = leaves_height(group, field.acceleration).tolist()
        changes = [Answer(NO, why) for why in _changed_by(field, group)]
        return [
            x if same or x.verdict == NO else change for x, same, change in zip(answers, kept, changes, strict=True)
        ]

    def _of_momenta_within(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        """Return the answers for K + V without the uniform field."""
        answers, shared = super()._of_momenta(group, bodies), self.kinetic.on(bodies).keeps(group).tolist()
        why = f"V is invariant under {self.group}, but this motion changes {self.kinetic.equation}, and so H."
        changed = Answer(CHANGES_K, why)
        return [x if keeps or x.verdict == NO else changed for x, keeps in zip(answers, shared, strict=True)]

    def _of_spins(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        free = moves_freely(self.group or Trivial(group.space_dim), group).tolist()
        orbits, unknown = self.kinetic.on(bodies).keeps_orbit(group).tolist(), super()._of_spins(group, bodies)
        answers = zip(self._of_momenta_within(group, bodies), free, orbits, unknown, strict=True)
        return [self._spin(x, alone) if orbit else no for x, alone, orbit, no in answers]

    def _of_boosts(self, axes: Group, bodies: Bodies | None) -> list[Answer]:
        moves, unknown = self.kinetic.on(bodies).keeps_centre(axes.space_dim).tolist(), super()._of_boosts(axes, bodies)
        answers = zip(self._of_momenta(axes, bodies), moves, unknown, strict=True)
        return [self._boost(x) if moving else no for x, moving, no in answers]

    def _kept(self) -> Answer:
        verdict, why = super()._kept()
        if verdict != YES:
            return Answer(verdict, why)
        if self.uniform_field is None:
            return Answer(YES, f"V is invariant under {self.group} and {self.kinetic.equation} too: Noether's theorem.")
        same = f"this motion leaves the uniform field {self.uniform_field} unchanged"
        why = f"V is invariant under {self.group}, {self.kinetic.equation} too, and {same}: Noether's theorem."
        return Answer(YES, why)

    def _spin(self, whole: Answer, alone: bool) -> Answer:
        """Return the answer for L_cm, given that for L, and whether P is kept across its axis, without a uniform field.

        The field changes nothing: its torque about the centre of mass, Σ m_i g·A(q_i − q_cm), is 0 for any A.
        """
        if not alone:
            return Answer(NO, "P is not kept in the plane of this motion, so neither are q_cm × P and L − q_cm × P.")
        if whole.verdict != YES:
            return whole
        if self.uniform_field is not None:
            torque = "a uniform field exerts no torque about the centre of mass"
            return Answer(YES, f"The forces among the bodies keep it, and {torque}.")
        return Answer(YES, "L is kept, and so is q_cm × P, since P is and the centre of mass moves along with it.")

    @staticmethod
    def _boost(momentum: Answer) -> Answer:
        """Return the answer for a boost, given that for P along its axis."""
        if momentum.verdict != YES:
            return momentum
        return Answer(YES, "P is kept along this axis and the centre of mass moves with P/M, so it moves uniformly.")


def _changed_by(field: UniformField, group: Group) -> Iterator[str]:
    """Yield for each generator x ↦ A x + b how the field changes its charge, M g·(A q_cm + b) in a unit of time."""
    A, b = group.generators()
    for turn, shift in zip(A, b @ field.acceleration.detach().cpu().double(), strict=True):
        torque = " and M g·A q_cm, a torque about the origin" if turn.any() and shift else ""
        rate = f"{shift:.3g} M{torque}" if shift or not turn.any() else "M g·A q_cm, a torque about the origin"
        yield f"The uniform field {field} changes it at the rate {rate}; M is the total mass."


class WithForces:
    """The function V(q) − Σ F_i·q_i of q, of constant forces F (*batch, n, d), and of what V takes.

    Two are equal where V is, so that they are compiled once.

    Args:
        potential: V, a function of q and of tensors.
    """

    def __init__(self, potential: Callable[..., Tensor]):
        self.potential = potential

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.potential == vars(other)["potential"]

    def __hash__(self) -> int:
        return hash((type(self), self.potential))

    @property
    def gradient(self) -> Callable[..., Tensor] | None:
        """The function that gives the gradient, where V has one."""
        own = getattr(self.potential, "gradient", None)
        return None if own is None else lambda q, forces, *tensors: own(q, *tensors) - forces

    def __call__(self, q: Tensor, forces: Tensor, *tensors: Tensor) -> Tensor:
        return self.potential(q, *tensors) - (forces * q).sum((-1, -2))


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
