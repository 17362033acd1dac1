"""One vector field follows from a Hamiltonian: q̇ = ∂H/∂p, ṗ = −∂H/∂q."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from copy import copy
from typing import NamedTuple

import torch

from lieham._support.compiling import compiled_gradient, gradient
from lieham.dynamics.base import Dynamics, Functions
from lieham.dynamics.promise import BOOST, ENERGY, MOMENTUM, NO, ON_AVERAGE, SPIN, YES, Promise, spin_name
from lieham.groups import Group, Translation, Trivial, make_group
from lieham.groups.algebra import contains
from lieham.integrate.base import Field
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor


class Answer(NamedTuple):
    """An answer is a verdict of `promise.VERDICTS` and the reason for it."""

    verdict: str
    why: str


class Hamiltonian(Dynamics):
    """A Hamiltonian is a scalar H(q, p) of a state and its bodies; it gives the field q̇ = ∂H/∂p, ṗ = −∂H/∂q.

    A subclass gives `energy`; the field follows by automatic differentiation. Where it sets `group`, it declares that
    H(A q + b, A⁻ᵀp) = H(q, p) for every motion of that group, and promises the charges of Noether's theorem
    (Marsden and Ratiu, Introduction to Mechanics and Symmetry, section 11.4).

    Example:
        >>> import lieham
        >>> class Oscillator(lieham.Hamiltonian):
        ...     group = lieham.make_group("SO(2)")
        ...     def energy(self, state, bodies):
        ...         return 0.5 * (state.q.square() + state.p.square()).sum((-2, -1))
        >>> [(promise.charge, promise.verdict) for promise in Oscillator().promises("SO(2)")]
        [('L', 'yes'), ('L_cm', 'no'), ('H', 'yes')]
    """

    @abstractmethod
    def energy(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch"]:
        """Return H, one number for each state of the batch."""

    def of(self, state: PhaseState, mass: Tensor, features: Tensor, mask: Tensor) -> Float[Tensor, "*batch"]:
        """Compute `energy` from tensors alone, for torch.func and torch.compile.

        Args:
            state: q and p, (*batch, n, d).
            mass: masses, (*batch, n).
            features: features of the bodies, (*batch, n, c).
            mask: padding mask, (*batch, n), True for real bodies.
        """
        return self.energy(state, Bodies(mass, features, mask))

    def field(self, bodies: Bodies) -> Field:
        """Return the field J∇H for these bodies."""
        return HamiltonianField(self, bodies)

    def forward(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.energy(state, bodies)

    def promises(self, group: str | Group, bodies: Bodies | None = None) -> tuple[Promise, ...]:
        """Return what theory says of every charge of `group` along the exact flow of H, for any weights.

        They are, in this order: J = Σ p·(A q + b) for each generator; for each generator with A ≠ 0 its part about the
        centre of mass, such as L_cm; the charge M q_cm − t P of the boosts along each axis that the group moves along;
        and H itself.

        Args:
            group: the group asked for, which need not be the one that the model declares.
            bodies: the bodies (b, n) that move, of which a kinetic energy is asked; by default some random ones.

        Returns:
            One promise a charge. A momentum is kept where its generator lies in the span of the declared group.

        Raises:
            InputError: if the group acts on a space of another dimension than the model's.
        """
        group = self._asked(group)
        axes = Translation(group.space_dim)
        turning = (group.generators()[0].abs().sum((1, 2)) > 0).tolist()
        along = contains(group, axes).tolist()
        momenta, spins = self._of_momenta(group, bodies), self._of_spins(group, bodies)
        boosts = self._of_boosts(axes, bodies)
        names = [name.replace("P", "K") for name in axes.charges]
        return (
            *(Promise(x, *momenta[k], MOMENTUM, k) for k, x in enumerate(group.charges)),
            *(Promise(spin_name(x), *spins[k], SPIN, k) for k, x in enumerate(group.charges) if turning[k]),
            *(Promise(x, *boosts[k], BOOST, k) for k, x in enumerate(names) if along[k]),
            Promise("H", YES, "H does not depend on time, so it is constant along its own flow.", ENERGY),
        )

    def _of_momenta(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        """Return for each generator whether it is declared; if so, its charge is kept, since H is invariant."""
        inside = contains(self.group or Trivial(group.space_dim), group).tolist()
        return [self._kept() if x else self._not_declared() for x in inside]

    def _of_spins(self, group: Group, bodies: Bodies | None) -> list[Answer]:
        """Return for each generator whether its charge about the centre of mass is kept by itself."""
        why = "The velocity ∂H/∂p is not known to be p/m, so q_cm × P need not be constant, and L − q_cm × P neither."
        return [Answer(NO, why)] * group.lie_dim

    def _of_boosts(self, axes: Group, bodies: Bodies | None) -> list[Answer]:
        """Return for each axis whether the centre of mass moves uniformly along it."""
        why = "The velocity ∂H/∂p is not known to be p/m, so the centre of mass need not move with P/M."
        return [Answer(NO, why)] * axes.lie_dim

    def _kept(self) -> Answer:
        if not self.exact:
            why = f"The model draws elements of {self.group} at random: H is invariant as a mean over draws only."
            return Answer(ON_AVERAGE, why)
        why = f"H is invariant under {self.group}, which moves q and the canonical momenta p: Noether's theorem."
        return Answer(YES, why)

    def _not_declared(self) -> Answer:
        if self.group is None:
            return Answer(NO, "The model declares no symmetry.")
        return Answer(NO, f"The model declares {self.group}, which does not hold this motion.")

    def functions(self) -> Functions:
        """Return H and its field as plain functions of tensors, which is how `lieham.audit` looks at a Hamiltonian."""

        def energy(q: Tensor, p: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
            return self.energy(PhaseState(q, p), Bodies(mass, features, mask))

        def rates(q: Tensor, p: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
            rate = self.field(Bodies(mass, features, mask))(torch.zeros((), dtype=q.dtype), PhaseState(q, p))
            return rate.q, rate.p

        return Functions(energy, rates)


class HamiltonianField(Field):
    """This field computes J∇H by reverse-mode differentiation."""

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
    """A general Hamiltonian takes any differentiable H(q, p), which need not be K(p) + V(q).

    Args:
        function: H(state, bodies) → (*batch,) of q and p (*batch, n, d); a module's parameters are learned with it.
        group: the symmetry that H has, a name or a Group: H(A q + b, A⁻ᵀp) = H(q, p) for all its motions. It is taken
            on trust, `lieham.audit` checks it; by default none is declared, and only H itself is promised.

    Raises:
        InputError: if there is no group of that name.

    Example:
        Scalings are a symmetry of this H, though they change |p|²: their charge D = Σ q·p is kept.

        >>> import lieham
        >>> def energy(state, bodies):
        ...     return (state.q.square().sum(-1) * state.p.square().sum(-1)).sum(-1)
        >>> [promise.verdict for promise in lieham.GeneralHamiltonian(energy, group="R*(2)").promises("R*SO(2)")[:2]]
        ['yes', 'no']
    """

    def __init__(self, function: Callable[[PhaseState, Bodies], Tensor], group: str | Group | None = None):
        super().__init__()
        self.function = function
        self.group = None if group is None else make_group(group)

    def energy(self, state: PhaseState, bodies: Bodies) -> Tensor:
        return self.function(state, bodies)
