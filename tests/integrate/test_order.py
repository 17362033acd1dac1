"""Every integrator has its order, with the evaluations of the force that it says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lieham.integrate import INTEGRATORS as METHODS
from lieham.integrate import Field, Splitting, integrate, make_integrator
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import (
    ADAPTIVE,
    FIXED,
    Charged,
    Driven,
    Melting,
    Pendulums,
    gap,
    grid,
    last,
    over,
    pairs,
    start,
    truth,
)


def slope(x: list[float], y: list[float]) -> float:
    """Of log y over log x, by least squares."""
    x, y = (torch.tensor(v, dtype=torch.float64).log() for v in (x, y))
    return ((x - x.mean()) @ (y - y.mean()) / (x - x.mean()).square().sum()).item()


FIELDS = [Pendulums, Driven, Melting, Charged]


@pairs(FIXED, FIELDS)
def test_order(integrator, field):
    """The error at the end falls as h^order, with time in the field or without."""
    first = {1: 120, 2: 25, 3: 25, 4: 15, 6: 8}[integrator.order]
    steps = [first, 2 * first, 4 * first]
    z, end = start(2, 2), 2.0
    errors = [gap(last(integrator.integrate(field(), z, grid(end, n))), truth(field, (2, 2), end)) for n in steps]
    assert slope(steps, errors) == pytest.approx(-integrator.order, abs=0.35)
    assert errors[-1] < 0.2


@pytest.mark.parametrize("field", FIELDS)
@over(ADAPTIVE)
def test_adaptive_order(integrator, field):
    """The error is near the tolerance, between the ends of steps too, and falls as evaluations^-order."""
    z, end = start(2, 2), 2.0
    tolerances = {2: [1e-2, 3e-4], 3: [1e-4, 1e-6]}.get(integrator.order, [1e-5, 1e-8])
    errors, costs = [], []
    for tol in tolerances:
        f, calls = field(), []
        counted = _counted(f, calls)
        path = replace(integrator, rtol=tol, atol=tol).integrate(counted, z, grid(end, 2))
        middle = PhaseState(path.q[1], path.p[1])
        halfway = gap(middle, truth(field, (2, 2), end / 2))
        error = max(halfway, gap(last(path), truth(field, (2, 2), end)))
        assert error < 100 * tol
        errors.append(error)
        costs.append(len(calls))
    assert slope(costs, errors) < 0.7 - integrator.order


def _counted(field: Field, calls: list) -> Field:
    class Counted(Field):
        def __call__(self, t, state):
            calls.append(t)
            return field(t, state)

    return Counted()


@pytest.mark.parametrize(("name", "evaluations"), [("leapfrog", 1), ("yoshida4", 3), ("yoshida6", 7), ("rkn4", 3)])
def test_force_evaluations(name, evaluations):
    field = Pendulums()
    integrate(field, start(2, 1), grid(1.0, 10), name)
    assert field.calls == 10 * evaluations


@over([i for i in INTEGRATORS if isinstance(i, Splitting)])
def test_stages_fill_the_step(integrator):
    """Drifts and kicks both add up to one step, and read the same backwards."""
    drifts, _, kicks, clocks = (list(x) for x in zip(*integrator.stages, strict=True))
    drifts.append(drifts[0])
    assert sum(kicks) == pytest.approx(1, abs=1e-15) and sum(drifts) == pytest.approx(1, abs=1e-15)
    assert kicks == pytest.approx(kicks[::-1], abs=1e-15) and drifts == pytest.approx(drifts[::-1], abs=1e-15)
    assert clocks == pytest.approx([1 - c for c in clocks[::-1]], abs=1e-15)


@pytest.mark.parametrize(("name", "powers"), [("yoshida4", [3]), ("yoshida6", [3, 5])])
def test_composition_weights(name, powers):
    """Σ γ³ = 0 for order 4, and Σ γ⁵ = 0 for order 6, to all the digits of a float64."""
    for power in powers:
        assert abs(math.fsum(stage.kick**power for stage in make_integrator(name).stages)) < 4e-15


def test_rk4_is_the_three_eighths_rule():
    """torchdiffeq's rk4, by hand: k = f(t), f(t + h/3), f(t + 2h/3), f(t + h), weights 1/8, 3/8, 3/8, 1/8."""
    f, z, h = Melting(), start(2, 1), 0.3
    t0, t1, t2, t3 = (torch.tensor(0.2 + h * k / 3, dtype=torch.float64) for k in range(4))
    k1 = f(t0, z)
    k2 = f(t1, z.shift(*(h / 3 * a for a in k1)))
    k3 = f(t2, z.shift(*(h * (b - a / 3) for a, b in zip(k1, k2, strict=True))))
    k4 = f(t3, z.shift(*(h * (a - b + c) for a, b, c in zip(k1, k2, k3, strict=True))))
    wanted = z.shift(*(h / 8 * (a + 3 * b + 3 * c + d) for a, b, c, d in zip(k1, k2, k3, k4, strict=True)))
    assert gap(last(integrate(f, z, torch.stack([t0, t3]), "rk4")), wanted) < 1e-15


def test_dopri8_is_as_accurate_between_as_at_the_end():
    """On a fine grid too: torchdiffeq's interpolation would be off by a thousand tolerances."""
    z, times = start(2, 1), grid(4.0, 8)
    path = integrate(Pendulums(), z, times, "dopri8", rtol=1e-10, atol=1e-10)
    for i in (1, 3, 8):
        here = PhaseState(path.q[i], path.p[i])
        assert gap(here, truth(Pendulums, (2, 1), times[i].item())) < 2e-9


def test_integrate_takes_an_integrator():
    z, times = start(2, 1), grid(1.0, 5)
    path = integrate(Driven(), z, times, make_integrator("yoshida4", substeps=2))
    assert gap(path, integrate(Driven(), z, times, substeps=2)) == 0
    assert all(make_integrator(name).name == name for name in METHODS)
