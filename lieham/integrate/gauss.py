"""Gauss-Legendre collocation gives symplectic methods for any H(q, p), separable or not.

symbol → variable: c, A, b of the Butcher tableau; k_i, the rate at stage i → `rates`, the stage as leading axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod, sqrt
from typing import ClassVar

import torch

from lieham.errors import expected
from lieham.integrate.base import Field, InStatePrecision
from lieham.integrate.collocation import Stages, magnitude, solve_stages
from lieham.integrate.fixed import FixedStep, State
from lieham.integrate.grid import TimeGrid
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

RECENT = 2
"""The rates of this many past steps are extrapolated to the first guess of the next step's rates."""


@dataclass(frozen=True)
class Gauss(FixedStep):
    """A Gauss method solves k_i = f(t + c_i h, z + h Σ_j a_ij k_j) and sets z ← z + h Σ_i b_i k_i.

    The method is implicit. All stages of all trajectories are one batch of the field, which is iterated to a fixed
    point until round-off lets the change shrink no further. Anderson's method accelerates slow iterations, and an
    IntegrationError says where they fail. Gradients follow from the implicit function theorem, in memory that does not
    grow with the iterations (see `collocation`). The method keeps every quadratic first integral, L among them, also
    for an H(q, p) that a splitting cannot take (Hairer, Lubich, Wanner, Geometric Numerical Integration, §II.1.3, thms.
    IV.2.1 and VI.4.2). A step looks at how far it has converged, so torch.compile and torch.func.vmap stop there.
    """

    symplectic: ClassVar[bool] = True
    keeps_quadratic: ClassVar[bool] = True
    c: ClassVar[tuple[float, ...]]
    A: ClassVar[tuple[tuple[float, ...], ...]]
    b: ClassVar[tuple[float, ...]]

    def _prepared(self, field: Field, grid: TimeGrid) -> Field:
        return _Recent(field)

    def step(self, field: Field, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        y = torch.cat([state.q, state.p], -1)
        A, b, c = tableau(type(self), y.dtype, y.device)
        recent = field if isinstance(field, _Recent) else _Recent(field)
        guess = recent.guess(self.c, y, h)
        rates = solve_stages(recent.rates, y, t, h, guess, Stages(A, c, self.name, kinds=2))
        recent.keep(rates.detach(), guess, h)
        dq, dp = (h * torch.tensordot(b, rates, 1)).chunk(2, -1)
        return state.shift(dq=dq, dp=dp)


@cache
def tableau(method: type[Gauss], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return A, b and c of a method as tensors."""
    A, b, c = (torch.tensor(x, dtype=dtype, device=device) for x in (method.A, method.b, method.c))
    return A, b, c


class _Recent(Field):
    """A recent field remembers the rates of its last steps, newest first."""

    def __init__(self, field: Field) -> None:
        self.field = InStatePrecision(field)
        self.steps: list[Tensor] = []
        self.h: float | Tensor | None = None

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        return self.field(t, state)

    def rates(self, clock: Tensor, stages: Tensor) -> Tensor:
        """Return q̇ and ṗ joined along the last axis, at stages whose q and p are joined likewise."""
        q, p = stages.chunk(2, -1)
        rate = self.field(clock, PhaseState(q, p))
        for name, x in zip("qp", rate, strict=True):
            if x.shape != q.shape or x.dtype != q.dtype:
                wanted = f"of shape {tuple(q.shape[1:])} and {q.dtype} like the state"
                raise expected(f"what the field adds to {name}", wanted, f"{tuple(x.shape[1:])} and {x.dtype}")
        return torch.cat(tuple(rate), -1)

    def guess(self, c: tuple[float, ...], y: Tensor, h: float | Tensor) -> Tensor:
        """Return the rates at the next stages, extrapolated from the last steps if those had the same width, else 0."""
        if not self.steps or self.h is None or not _close(h, self.h):
            self.steps = []
            return y.detach().new_zeros(len(c), *y.shape)
        last = torch.cat(self.steps)
        return torch.tensordot(_extrapolation(c, len(self.steps), last.dtype, last.device), last, 1)

    def keep(self, rates: Tensor, guess: Tensor, h: float | Tensor) -> None:
        """Remember a step, and forget the steps before it if they guessed it badly."""
        good = bool((rates - guess).abs().max() <= 0.1 * rates.abs().max())
        self.steps, self.h = [rates, *(self.steps[: RECENT - 1] if good else ())], h


def _close(a: float | Tensor, b: float | Tensor) -> bool:
    near = magnitude(a - b) <= 1e-3 * magnitude(b)
    return bool(near.all()) if isinstance(near, Tensor) else near


@cache
def _extrapolation(c: tuple[float, ...], steps: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return Lagrange's polynomials of the last steps' nodes c_i − 1, c_i − 2, … at the next step's nodes c_i."""
    nodes = [x - k for k in range(1, steps + 1) for x in c]
    rows = [[prod((x - b) / (a - b) for b in nodes if b != a) for a in nodes] for x in c]
    return torch.tensor(rows, dtype=dtype, device=device)


class Gauss2(Gauss):
    """Gauss2 is the implicit midpoint rule; it has order 2 and one stage."""

    name = "gauss2"
    order = 2
    c, A, b = (0.5,), ((0.5,),), (1.0,)


_R3 = sqrt(3) / 6


class Gauss4(Gauss):
    """Gauss4 has order 4 and two stages (Hammer and Hollingsworth 1955)."""

    name = "gauss4"
    order = 4
    c = (0.5 - _R3, 0.5 + _R3)
    A = ((0.25, 0.25 - _R3), (0.25 + _R3, 0.25))
    b = (0.5, 0.5)


_R15 = sqrt(15)


class Gauss6(Gauss):
    """Gauss6 has order 6 and three stages (Kuntzmann, Butcher)."""

    name = "gauss6"
    order = 6
    c = (0.5 - _R15 / 10, 0.5, 0.5 + _R15 / 10)
    A = (
        (5 / 36, 2 / 9 - _R15 / 15, 5 / 36 - _R15 / 30),
        (5 / 36 + _R15 / 24, 2 / 9, 5 / 36 - _R15 / 24),
        (5 / 36 + _R15 / 30, 2 / 9 + _R15 / 15, 5 / 36),
    )
    b = (5 / 18, 4 / 9, 5 / 18)
