"""Splitting methods for H = K(p) + V(q) alternate drifts along K with kicks along V; they are symplectic and symmetric.

symbol → variable: a_i → `drift`, b_i → `kick`; γ_i → the weights of `composition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, NamedTuple

from lieham.integrate.base import SeparableField
from lieham.integrate.fixed import FixedStep, State
from lieham.typing import Float, Tensor


class SplittingStage(NamedTuple):
    """A stage is a drift and the kick after it; it holds their lengths and the times at which both begin, in steps."""

    drift: float
    drift_clock: float
    kick: float
    kick_clock: float


def composition(*weights: float) -> tuple[SplittingStage, ...]:
    """Return the stages of leapfrogs of widths γ_1 h, ..., γ_s h in a row, with neighbouring half drifts joined.

    a_1 = γ_1/2, a_i = (γ_{i−1} + γ_i)/2 and b_i = γ_i. The last drift equals the first, since γ is a palindrome. The
    drifts move the time of V and the kicks move the time of K. So each of the two flows is exact when V and K depend on
    time, and no order is lost (Sanz-Serna and Portillo, J. Chem. Phys. 104 (1996) 2349).
    """
    before = (0.0, *weights[:-1])
    starts = tuple(accumulate(before))
    return tuple(
        SplittingStage((left + w) / 2, start, w, start + w / 2)
        for left, w, start in zip(before, weights, starts, strict=True)
    )


@dataclass(frozen=True)
class Splitting(FixedStep):
    """A splitting method drifts and kicks in turn, q ← q + a h v(p) and p ← p + b h F(q), from drift to drift.

    A splitting needs a separable field and one force evaluation a stage, and shares none of them between steps. It
    keeps linear first integrals and the bilinear ones pᵀAq, angular momentum among them, to round-off (Hairer, Lubich,
    Wanner, Geometric Numerical Integration, thm. IV.2.3). Other quadratic ones, such as the energy of an oscillator,
    only oscillate. A step back by −h undoes a step to round-off.
    """

    symplectic: ClassVar[bool] = True
    needs_separable: ClassVar[bool] = True
    keeps_quadratic: ClassVar[bool] = True
    stages: ClassVar[tuple[SplittingStage, ...]]

    def step(self, field: SeparableField, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        for drift, drift_clock, kick, kick_clock in self.stages:
            state = state.shift(dq=field.velocity(t + drift_clock * h, state.p) * (drift * h))
            state = state.shift(dp=field.force(t + kick_clock * h, state.q) * (kick * h))
        return state.shift(dq=field.velocity(t + h, state.p) * (self.stages[0].drift * h))


class Leapfrog(Splitting):
    """Leapfrog has order 2 and takes one force a step: half a drift, a kick, half a drift (Störmer, Verlet 1967)."""

    name = "leapfrog"
    order = 2
    stages = composition(1.0)


@dataclass(frozen=True)
class Verlet(FixedStep):
    """Velocity Verlet has order 2: half a kick, a drift, half a kick. Programs of molecular dynamics step with it.

    It is the leapfrog that begins with the force. The forces at both ends of a step are those at the points themselves,
    so data that it made show them exactly. W. C. Swope et al., J. Chem. Phys. 76 (1982) 637.
    """

    name = "verlet"
    order = 2
    symplectic: ClassVar[bool] = True
    needs_separable: ClassVar[bool] = True
    keeps_quadratic: ClassVar[bool] = True

    def step(self, field: SeparableField, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        state = state.shift(dp=field.force(t, state.q) * (h / 2))
        state = state.shift(dq=field.velocity(t + h / 2, state.p) * h)
        return state.shift(dp=field.force(t + h, state.q) * (h / 2))


_OUTER = 1 / (2 - 2 ** (1 / 3))


class Yoshida4(Splitting):
    """Yoshida4 has order 4 and three force evaluations a step: γ_1 = γ_3 = 1/(2 − ∛2), γ_2 = 1 − 2γ_1.

    H. Yoshida, Construction of higher order symplectic integrators, Phys. Lett. A 150 (1990) 262; the triple
    jump of Hairer, Lubich, Wanner, Geometric Numerical Integration, example II.4.2.
    """

    name = "yoshida4"
    order = 4
    stages = composition(_OUTER, 1 - 2 * _OUTER, _OUTER)


_W = (0.78451361047755726382, 0.23557321335935813368, -1.17767998417887100695)


class Yoshida6(Splitting):
    """Yoshida6 has order 6 and seven force evaluations a step; it is solution A of Yoshida (1990), table 1.

    Hairer, Lubich, Wanner, Geometric Numerical Integration, eq. V.3.11, gives twenty digits of its coefficients.
    """

    name = "yoshida6"
    order = 6
    stages = composition(*_W, 1 - 2 * sum(_W), *reversed(_W))
