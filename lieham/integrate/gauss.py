"""Gauss-Legendre collocation: symplectic methods for any H(q, p), separable or not.

symbol → variable: c, A, b of the Butcher tableau; Z_i → `stages`, states with the stage as leading axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from lieham.errors import IntegrationError
from lieham.integrate.base import Field
from lieham.integrate.fixed import FixedStep, State
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

MAX_ITERATIONS = 100


@dataclass(frozen=True)
class Gauss(FixedStep):
    """Z_i = z + h Σ_j a_ij f(t + c_j h, Z_j), z ← z + h Σ_i b_i f(t + c_i h, Z_i).

    Implicit: all stages, of all trajectories, are one batch of the field, iterated to a fixed point until round-off
    lets the change shrink no further. That converges for h |∂f/∂z| below about 1, where the accuracy is; elsewhere
    IntegrationError says so. Gradients are those of the iteration, which converges with its result. It keeps every
    quadratic first integral, L among them, and for H(q, p) that a splitting cannot take (Hairer, Lubich, Wanner,
    Geometric Numerical Integration, §II.1.3, thms. IV.2.1 and VI.4.2). A step asks how far it has converged, so
    torch.compile and torch.func.vmap stop there.
    """

    symplectic: ClassVar[bool] = True
    keeps_quadratic: ClassVar[bool] = True
    c: ClassVar[tuple[float, ...]]
    A: ClassVar[tuple[tuple[float, ...], ...]]
    b: ClassVar[tuple[float, ...]]

    def step(self, field: Field, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        q, p = state.q, state.p
        column = (-1, *(1,) * q.ndim)
        A, b, c = (torch.tensor(x, dtype=q.dtype, device=q.device) for x in (self.A, self.b, self.c))
        clock = t + c.view(column) * h
        stages = PhaseState(*(x.expand(len(self.b), *x.shape) for x in (q, p)))
        last = float("inf")
        for _ in range(MAX_ITERATIONS):
            rate = field(clock, stages)
            moved = PhaseState(*(x + h * torch.tensordot(A, r, 1) for x, r in zip((q, p), rate, strict=True)))
            change = _distance(moved, stages)
            stages = moved
            # NaN ends the iteration too: whoever called for the step looks for it.
            if not change > 0 or (change >= last and change < _floor(q.dtype)):
                break
            last = change
        else:
            raise IntegrationError(
                f"{self.name} did not converge in {MAX_ITERATIONS} iterations at t = {float(t.min()):g}: take "
                "smaller steps (substeps)"
            )
        rate = field(clock, stages)
        dq, dp = (h * torch.tensordot(b, r, 1) for r in rate)
        return state.shift(dq=dq, dp=dp)


def _distance(a: PhaseState, b: PhaseState) -> float:
    """The largest change of a component, relative to the largest component of its kind."""
    with torch.no_grad():
        changes = [(x - y).abs().max() / y.abs().max().clamp(min=1e-30) for x, y in zip(a, b, strict=True)]
        return float(torch.stack(changes).max())


def _floor(dtype: torch.dtype) -> float:
    """Changes below this that shrink no further are round-off."""
    return 1e3 * torch.finfo(dtype).eps


class Gauss2(Gauss):
    """Order 2, one stage: the implicit midpoint rule."""

    name = "gauss2"
    order = 2
    c, A, b = (0.5,), ((0.5,),), (1.0,)


_R3 = sqrt(3) / 6


class Gauss4(Gauss):
    """Order 4, two stages (Hammer and Hollingsworth 1955)."""

    name = "gauss4"
    order = 4
    c = (0.5 - _R3, 0.5 + _R3)
    A = ((0.25, 0.25 - _R3), (0.25 + _R3, 0.25))
    b = (0.5, 0.5)


_R15 = sqrt(15)


class Gauss6(Gauss):
    """Order 6, three stages (Kuntzmann, Butcher)."""

    name = "gauss6"
    order = 6
    c = (0.5 - _R15 / 10, 0.5, 0.5 + _R15 / 10)
    A = (
        (5 / 36, 2 / 9 - _R15 / 15, 5 / 36 - _R15 / 30),
        (5 / 36 + _R15 / 24, 2 / 9, 5 / 36 - _R15 / 24),
        (5 / 36 + _R15 / 30, 2 / 9 + _R15 / 15, 5 / 36),
    )
    b = (5 / 18, 4 / 9, 5 / 18)
