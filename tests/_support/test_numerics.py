"""The Taylor switches against arithmetic with 400 digits, and twice differentiable across the switch."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch

from lieham._support import numerics as _numerics
from tests.helpers.cases import DTYPES

mpmath.mp.dps = 400  # 1 − cos θ at θ = 1e-160 cancels 320 of them


def _over(f, k):
    return lambda t: f(t) / t**k


EXACT = {
    "sinc": _over(mpmath.sin, 1),
    "cosc": _over(lambda t: 1 - mpmath.cos(t), 2),
    "sincc": _over(lambda t: t - mpmath.sin(t), 3),
    "half_cot": _over(lambda t: 1 - t / 2 * mpmath.cot(t / 2), 2),
}
"""Each as a function of θ; the library's is one of θ²."""

ANGLES = [1e-160, 1e-8, 1e-4, 1e-2, 0.5, 0.7, 0.7072, 0.9, 0.9999, 1.0, 1.0001, 2.0, 3.0, math.pi]
EPS = {dtype: torch.finfo(dtype).eps for dtype in DTYPES}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(name, dtype):
    x = torch.tensor(ANGLES, dtype=torch.float64).square().to(dtype)
    got = getattr(_numerics, name)(x)
    for square, value in zip(x.tolist(), got.tolist(), strict=True):
        angle = mpmath.sqrt(mpmath.mpf(square)) if square else mpmath.mpf(10) ** -100
        want = EXACT[name](angle)
        # Subtractions in the closed forms lose up to a factor 6 / θ² of the round-off where they begin; sin π is 0.
        assert abs(value - want) < 16 * EPS[dtype] * max(abs(want), 0.1), (name, square)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_arc_sine(dtype):
    angles = torch.tensor([0, 1e-150, 1e-8, 1e-3, 0.14, 0.15, 1.0, 1.5, math.pi / 2], dtype=torch.float64)
    got = _numerics.asin_over(angles.sin().square().to(dtype), angles.cos().to(dtype))
    want = torch.where(angles == 0, 1.0, angles / angles.sin())
    assert ((got.double() / want - 1).abs() < 4 * EPS[dtype]).all()


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-10, 0.3, 0.6, 1.3, 4.0, math.pi**2])
def test_first_and_second_derivatives(name, x):
    """Against those of the exact function, at 0 against the Taylor coefficients."""
    f = getattr(_numerics, name)
    at = torch.tensor(x, dtype=torch.float64)
    first = torch.func.grad(f)
    got = first(at).item(), torch.func.grad(first)(at).item()

    def exact(y):
        return EXACT[name](mpmath.sqrt(y))

    point = mpmath.mpf(max(x, 1e-10))
    for order, value in enumerate(got, 1):
        want = mpmath.diff(exact, point, order, h=mpmath.mpf(10) ** -16)
        assert abs(value / want - 1) < 1e-9, order


@pytest.mark.parametrize("name", EXACT)
def test_nothing_jumps_at_the_switch(name):
    f = getattr(_numerics, name)
    for switch in (0.5, 1.0):
        around = torch.tensor([switch * (1 - 1e-15), switch, switch * (1 + 1e-15)], dtype=torch.float64)
        second = torch.func.vmap(torch.func.grad(torch.func.grad(f)))(around)
        for values, tolerance in ((f(around), 1e-14), (second, 1e-11)):
            assert (values / values[0] - 1).abs().max() < tolerance


def test_a_masked_branch_sends_no_nan_through_the_derivative():
    """The negative control: masking the output alone does."""

    def naive(x):
        return torch.where(x < 1e-8, 1 - x / 6, torch.sin(x.sqrt()) / x.sqrt())

    zero = torch.zeros((), dtype=torch.float64)
    assert torch.func.grad(naive)(zero).isnan()
    assert torch.func.grad(_numerics.sinc)(zero).item() == pytest.approx(-1 / 6, abs=1e-16)
