"""The contracts of integration: a field says how a state moves, an integrator moves it along a time grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from lieham._support.progress import Progress
from lieham.errors import InputError, expected
from lieham.state import PhaseState
from lieham.typing import Float, Tensor


class Field(ABC):
    """The vector field of ż = f(t, z) on phase space, z = (q, p)."""

    separable: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        """(q̇, ṗ) at time `t`, which is a scalar or has shape (*batch, 1, 1)."""

    def compiled(self) -> Field:
        """The same field with what takes its time compiled, where there is such a thing; here as it is."""
        return self

    def parameters(self) -> Iterable[Tensor]:
        """Tensors that the field depends on, for the adjoint method."""
        return ()


class SeparableField(Field):
    """q̇ = v(t, p), ṗ = F(t, q): the field of H = K(p) + V(q, t)."""

    separable: ClassVar[bool] = True
    linear_velocity: bool = False
    """v(t, p) is linear in p and has no t: Nyström methods need that."""

    @abstractmethod
    def velocity(self, t: Tensor, p: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """q̇ = ∂K/∂p."""

    @abstractmethod
    def force(self, t: Tensor, q: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """ṗ = −∂V/∂q."""

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        return PhaseState(self.velocity(t, state.p), self.force(t, state.q))


class Integrator(ABC):
    """Moves a state along a grid of times.

    `order` is the order of convergence; `keeps_linear` and `keeps_quadratic` say which first integrals of the
    *field* the method keeps to round-off at any step size (Hairer, Lubich, Wanner, Geometric Numerical
    Integration, ch. IV): every Runge-Kutta method keeps linear ones (P), only symplectic ones quadratic ones
    (L). A new method is a leaf with a `name`, its settings as dataclass fields, and one line in `registry`.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    symplectic: ClassVar[bool] = False
    needs_separable: ClassVar[bool] = False
    keeps_linear: ClassVar[bool] = True
    keeps_quadratic: ClassVar[bool] = False

    @abstractmethod
    def integrate(
        self,
        field: Field,
        state: PhaseState,
        times: Float[Tensor, "*batch time"],
        progress: Progress | None = None,
    ) -> PhaseState:
        """States at every time, (*batch, time, n, d); the first is `state`.

        `times` has shape (time,) or (*batch, time), each trajectory on its own grid; strictly increasing, or
        strictly decreasing for backwards in time. Raises InputError on other grids, on a field the method
        cannot take, and IntegrationError when the state leaves the finite numbers.
        """

    def stream(self, field: Field, state: PhaseState, times: Float[Tensor, "*batch time"]) -> Iterator[PhaseState]:
        """The states of `integrate` one output time after the other, (*batch, n, d) each.

        A fixed-step method yields each as it is reached, so that a forecast can be written while it runs.
        """
        path = self.integrate(field, state, times)
        for q, p in zip(path.q.unbind(-3), path.p.unbind(-3), strict=True):
            yield PhaseState(q, p)

    def check(self, field: Field) -> None:
        """Raise InputError when the method cannot take this field."""
        if self.needs_separable and not field.separable:
            raise InputError(
                f"{self.name} needs velocity and force apart (a SeparableField, H = K(p) + V(q)), got "
                f"{type(field).__name__}: take gauss4, rk4 or dopri5 for a general H(q, p)"
            )


def check_flag(name: str, value: object) -> None:
    """Raise InputError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise expected(name, "True or False", repr(value))
