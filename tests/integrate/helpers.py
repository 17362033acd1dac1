"""Fields of known flow, and which integrators can take them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache

import pytest
import torch

from lieham.integrate import Field, FixedStep, Integrator, SeparableField
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS

SETTINGS = {i.name: {f.name for f in fields(i)} for i in INTEGRATORS}
ADAPTIVE = [i for i in INTEGRATORS if "rtol" in SETTINGS[i.name]]
FIXED = [i for i in INTEGRATORS if "substeps" in SETTINGS[i.name]]
OURS = [i for i in INTEGRATORS if isinstance(i, FixedStep)]


def over(integrators: list[Integrator]):
    return pytest.mark.parametrize("integrator", integrators, ids=lambda i: i.name)


def tight(integrator: Integrator, rtol: float = 1e-9) -> Integrator:
    """With a tolerance that does not show beside `ACCURACY`, where it has one."""
    rtol = {2: 1e-4, 3: 1e-5}.get(integrator.order, rtol)
    return replace(integrator, rtol=rtol, atol=rtol / 10) if integrator in ADAPTIVE else integrator


ACCURACY = {1: 3e-2, 2: 1e-3, 3: 1e-4}
"""What to expect of a fine grid at a low order."""


class Pendulums(SeparableField):
    """H = Σ p²/2m + k Σ (1 − cos q): autonomous, not linear; `k` is a parameter."""

    linear_velocity = True

    def __init__(self, k: torch.Tensor | float = 1.0):
        self.k, self.calls = k, 0

    def velocity(self, t, p):
        return p / 1.3

    def force(self, t, q):
        self.calls += 1
        return -self.k * torch.sin(q)

    def parameters(self) -> Iterator[torch.Tensor]:
        yield from (x for x in (self.k,) if isinstance(x, torch.Tensor))


class Driven(Pendulums):
    """A pendulum whose length breathes and whose bob is pushed: V depends on time."""

    def force(self, t, q):
        return -(1 + 0.5 * torch.cos(2 * t)) * torch.sin(q) + 0.7 * torch.sin(3 * t)


class Melting(Driven):
    """And whose mass changes: K depends on time too."""

    linear_velocity = False

    def velocity(self, t, p):
        return p * (1 + 0.4 * torch.sin(2 * t))


class Charged(Field):
    """Not separable: q̇ = p − B × q, ṗ = −B × p − q³, in the plane."""

    def __call__(self, t, state):
        def turned(x):
            return 0.5 * torch.stack([-x[..., 1], x[..., 0]], -1)

        return PhaseState(state.p - turned(state.q), -turned(state.p) - state.q**3)


def start(*shape: int, dtype=torch.float64, seed: int = 0) -> PhaseState:
    g = torch.Generator().manual_seed(seed)
    return PhaseState(*(torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype) for _ in "qp"))


def grid(end: float, steps: int, dtype=torch.float64) -> torch.Tensor:
    return torch.linspace(0, end, steps + 1, dtype=dtype)


def gap(a: PhaseState, b: PhaseState) -> float:
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def last(path: PhaseState) -> PhaseState:
    return PhaseState(path.q[..., -1, :, :], path.p[..., -1, :, :])


@cache
def truth(field: type[Field], shape: tuple[int, ...], end: float) -> PhaseState:
    """At `end`, by a classical Runge-Kutta method written down here, Richardson-extrapolated to order 5."""
    coarse, fine = (classical(field(), start(*shape), end, n) for n in (150, 300))
    return PhaseState(*(f + (f - c) / 15 for c, f in zip(coarse, fine, strict=True)))


def classical(field: Field, z: PhaseState, end: float, n: int) -> PhaseState:
    h = end / n
    for k in range(n):
        t = torch.tensor(k * h, dtype=torch.float64)
        a = field(t, z)
        b = field(t + h / 2, z.shift(*(x * h / 2 for x in a)))
        c = field(t + h / 2, z.shift(*(x * h / 2 for x in b)))
        d = field(t + h, z.shift(*(x * h for x in c)))
        z = z.shift(*(h / 6 * (w + 2 * x + 2 * y + v) for w, x, y, v in zip(a, b, c, d, strict=True)))
    return z


def takes(integrator: Integrator, field: type[Field]) -> bool:
    separable = issubclass(field, SeparableField)
    return (separable or not integrator.needs_separable) and (
        integrator.name != "rkn4" or (separable and field.linear_velocity)
    )


def pairs(integrators, fields):
    """Every integrator with every field that it takes; the others are in test_fields_that_do_not_fit."""
    fitting = [(x, field) for x in integrators for field in fields if takes(x, field)]
    ids = [f"{x.name}-{field.__name__}" for x, field in fitting]
    return pytest.mark.parametrize("integrator, field", fitting, ids=ids)


class Wall(Pendulums):
    """A force that is no number after the time `end`."""

    def __init__(self, end: float = 0.52):
        super().__init__()
        self.end = end

    def force(self, t, q):
        self.calls += 1
        return torch.where(t > self.end, torch.full_like(q, math.nan), -q)
