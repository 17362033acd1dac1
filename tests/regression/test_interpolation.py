"""Polynomials through uneven times give slopes, and momenta from positions."""

from __future__ import annotations

import pytest
import torch

from lieham import Bodies, Trajectory
from lieham._support.polynomials import derivative, polynomial
from systems import Springs
from tests.helpers.less import generator, windows


def uneven(points=9):
    return (torch.rand(points, generator=generator(), dtype=torch.float64) + 0.2).cumsum(0)


@pytest.mark.parametrize("degree", [0, 3, 6])
def test_polynomials_are_fitted_exactly(degree):
    """Values and slopes of a polynomial of that degree at 9 uneven times, and not of one that is higher."""
    times, at = uneven(), torch.tensor([1.0, 2.5], dtype=torch.float64)
    coefficients = torch.randn(degree + 1, generator=generator(1), dtype=torch.float64)
    powers = torch.arange(degree + 1)
    x = times[:, None] ** powers @ coefficients
    values, slopes = polynomial(times, at, degree)
    want = powers * at[:, None] ** (powers - 1).clamp(min=0) @ coefficients
    torch.testing.assert_close(values @ x, at[:, None] ** powers @ coefficients, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(slopes @ x, want, rtol=1e-8, atol=1e-8)  # times up to 6 to the sixth power: 5e4
    assert (values @ times ** (degree + 1) - at ** (degree + 1)).abs().max() > 1e-6


def test_derivatives_are_exact_up_to_degree_four():
    times = uneven()
    for degree, exact in ((4, True), (5, False)):
        x = (times**degree)[:, None, None]
        wrong = (derivative(times, x) - degree * x / times[:, None, None]).abs().max()
        assert bool(wrong < 1e-9) is exact


def test_momenta_from_positions_are_close_to_the_true_ones():
    """On the grid of the springs to (hω)⁴; padded bodies stay at rest."""
    x = windows(Springs(4, 2))
    got = Trajectory.from_positions(x.times, x.q, x.bodies)
    assert 1e-8 < (got.p - x.p).norm() / x.p.norm() < 1e-3
    mask = torch.tensor([True, True, True, False]).expand(len(x), 4)
    padded = Trajectory.from_positions(x.times, x.q, Bodies.of(x.bodies.mass, x.bodies.features, mask))
    assert not padded.p[:, :, 3].any() and torch.equal(padded.p[:, :, :3], got.p[:, :, :3])
