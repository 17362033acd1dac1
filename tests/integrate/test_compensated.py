"""Compensated sums lose nothing over many steps."""

from __future__ import annotations

from dataclasses import replace

import torch

from lieham.integrate import CompensatedState
from lieham.integrate.compensated import compensated_add
from lieham.state import PhaseState
from tests.integrate.helpers import OURS, Pendulums, grid, over, start


def test_compensated_sum():
    """Many equal steps: the residual keeps what plain summation loses. The exact sum is known in integers."""
    for dtype, bits, steps in ((torch.float32, 24, 10_000), (torch.float64, 53, 100_000)):
        unit = torch.full((1, 1), 0.1, dtype=dtype)
        plain = PhaseState(unit, unit)
        kahan = CompensatedState.of(plain)
        for _ in range(steps):
            plain, kahan = plain.shift(dq=unit), kahan.shift(dq=unit)
        exact = (steps + 1) * int(unit.item() * 2**60)
        errors = [abs(int(x.q.item() * 2**60) - exact) / exact * 2**bits for x in (plain, kahan)]
        assert errors[1] <= 1 < 100 < errors[0]
        assert kahan.plain() == (kahan.q, kahan.p) and isinstance(kahan.plain(), PhaseState)


def test_compensated_add_is_exact():
    """s + r = x + y without error where |x| ≥ |y|."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1000, generator=g, dtype=torch.float32) + 10
    y = torch.randn(1000, generator=g, dtype=torch.float32) * 1e-3
    s, r = compensated_add(x, torch.zeros_like(x), y)
    assert torch.equal(s.double() + r.double(), x.double() + y.double())
    assert not torch.equal(s.double(), x.double() + y.double())


@over(OURS)
def test_compensated_steps(integrator):
    """In float32 against the same method in float64: much nearer after many steps, equal after few."""
    z, times = start(64, 1, 1), grid(50.0, 500).float().double()
    single = PhaseState(*(x.float() for x in z))
    exact = integrator.integrate(Pendulums(), PhaseState(*(x.double() for x in single)), times)

    def errors(path):
        return (path.q.double() - exact.q).square().mean((0, 2, 3)).sqrt()

    plain, kahan = (
        errors(replace(integrator, compensated=flag).integrate(Pendulums(), single, times)) for flag in (False, True)
    )
    assert kahan[-1] < plain[-1] / 3
    assert (plain[:5] - kahan[:5]).abs().max() < 1e-6
