"""Integration has two contracts: a field gives the rate of a state, and an integrator moves it along a time grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from lieham._support.progress import Progress
from lieham.errors import InputError
from lieham.state import PhaseState
from lieham.typing import Float, Tensor


class Field(ABC):
    """A field is the right-hand side f of ż = f(t, z) on phase space, where z = (q, p).

    `separable` says that the field is a `SeparableField`. `linear_velocity` says that q̇ is linear in p and has no t, as
    Nyström methods need it.

    Integrators pass the time in float64, whatever the dtype of the state is. A field that computes with t in float32
    subtracts a time of reference first, since float32 knows a Julian date to a quarter of a day only. The rate has the
    dtype of the state; where t has the shape (*batch, 1, 1), a rate that t made float64 is rounded to it.
    """

    separable: ClassVar[bool] = False
    linear_velocity: bool = False

    @abstractmethod
    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        """Return the rate (q̇, ṗ), each of shape (*batch, n, d).

        Args:
            t: time, in float64; a scalar, or of shape (*batch, 1, 1).
            state: q and p of shape (*batch, n, d).
        """

    def compiled(self) -> Field:
        """Return the same field with its costly part compiled by torch; a field that has none returns itself."""
        return self

    def parameters(self) -> Iterable[Tensor]:
        """Return the tensors that the field depends on, which the adjoint method differentiates."""
        return ()


class SeparableField(Field):
    """A separable field is that of H = K(p) + V(q, t): q̇ = v(t, p) and ṗ = F(t, q)."""

    separable: ClassVar[bool] = True

    @abstractmethod
    def velocity(self, t: Tensor, p: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """Return q̇ = ∂K/∂p."""

    @abstractmethod
    def force(self, t: Tensor, q: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """Return ṗ = −∂V/∂q."""

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        return PhaseState(self.velocity(t, state.p), self.force(t, state.q))


class InStatePrecision(SeparableField):
    """This field gives the rates of another one in the dtype of the state, where float64 times have raised it.

    A scalar time never raises the dtype of a product, but one of shape (*batch, 1, 1) does. A rate that another dtype
    than that of the time has raised stays as it is, and is refused by `TimeGrid.check_derivative`.

    Args:
        field: the field that is asked.
    """

    def __init__(self, field: Field) -> None:
        self.field: Any = field

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        rate = self.field(t, state)
        if rate[0].dtype == rate[1].dtype == state.q.dtype:
            return rate
        alone = self.field(t.flatten()[0], state)
        return PhaseState(*(_like(x, y, z) for x, y, z in zip(rate, alone, state, strict=True)))

    def velocity(self, t: Tensor, p: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        v = self.field.velocity(t, p)
        return v if v.dtype == p.dtype else _like(v, self.field.velocity(t.flatten()[0], p), p)

    def force(self, t: Tensor, q: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        f = self.field.force(t, q)
        return f if f.dtype == q.dtype else _like(f, self.field.force(t.flatten()[0], q), q)

    def parameters(self) -> Iterable[Tensor]:
        return self.field.parameters()


def _like(rate: Tensor, alone: Tensor, state: Tensor) -> Tensor:
    """Return `rate` in the dtype of the state if `alone`, the rate at a scalar time, has it too."""
    return rate.to(state.dtype) if alone.dtype == state.dtype else rate


class Integrator(ABC):
    """An integrator moves a state along a grid of times.

    `order` is the order of convergence. `keeps_linear` and `keeps_quadratic` say which first integrals of the *field*
    the method keeps to round-off at any step size: every Runge-Kutta method keeps linear ones such as P, and only
    symplectic methods keep quadratic ones such as L (Hairer, Lubich, Wanner, Geometric Numerical Integration, ch. IV).
    A new method is a subclass with a `name`, with its settings as dataclass fields, and with one line in `registry`.
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
        """Return the states at all times.

        Args:
            field: vector field that moves the state.
            state: initial state, q and p of shape (*batch, n, d), at the first time.
            times: output times of shape (time,), or (*batch, time) where each trajectory has its own grid; they
                increase strictly, or decrease strictly for an integration backwards in time.
            progress: function that is called with (output times reached, all of them) during the integration.

        Returns:
            States of shape (*batch, time, n, d), of which the first is `state`.

        Raises:
            InputError: the grid is another one, or the method cannot take this field.
            IntegrationError: the state leaves the finite numbers, or the method does not converge.
        """

    def stream(self, field: Field, state: PhaseState, times: Float[Tensor, "*batch time"]) -> Iterator[PhaseState]:
        """Yield the states of `integrate`, each of shape (*batch, n, d), one output time after the other.

        A fixed-step method yields each state when it reaches it, so that a forecast can be written while it runs.

        Args:
            field: vector field that moves the state.
            state: initial state, q and p of shape (*batch, n, d), at the first time.
            times: output times, as in `integrate`.
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
