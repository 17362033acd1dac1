"""The weak form of an H(q, p) that is not separable."""

from __future__ import annotations

from functools import cache

import pytest
import torch

import lieham
from lieham import VectorPotentialLieConv
from lieham.data import Dataset
from lieham.state import Bodies, PhaseState
from lieham.training import fit
from systems import MagneticSprings
from systems.baselines import free_flight, window_mse
from tests.regression.helpers import few, generator, median_error


@pytest.mark.parametrize("at", [0.0, 1.0], ids=["at no field", "at a field"])
def test_basis_of_a_vector_potential_is_the_derivative_by_the_weights(at):
    """Of H at θ, which is quadratic in θ: the central difference along random δθ is exact."""
    model = VectorPotentialLieConv("SO(2)xT(1)", 1, width=16)
    q, p = torch.randn(2, 3, 4, 3, generator=generator(), dtype=torch.float64)
    mask = torch.tensor([True, True, True, False]).expand(3, 4)
    bodies = Bodies.of(torch.rand(3, 4, generator=generator(1), dtype=torch.float64) + 0.5, q[..., :1].abs(), mask)
    weights = model.potential.network.blocks[-1].conv.kernel.linear()
    theta, change = (
        [torch.randn(w.shape, generator=generator(seed), dtype=w.dtype) for w in weights] for seed in (2, 3)
    )
    values = {}
    with torch.no_grad():
        for step in (-0.5, 0.5, 0.0):
            for w, x, dx in zip(weights, theta, change, strict=True):
                w.copy_(at * x + step * dx)
            values[step] = model.energy(PhaseState(q, p), bodies)
        basis = model.basis(PhaseState(q, p), bodies)
    want = values[0.5] - values[-0.5]
    torch.testing.assert_close((basis * torch.cat(change, 1).mT).sum((-1, -2)), want, rtol=1e-10, atol=1e-10)
    assert (values[0.5] + values[-0.5] - 2 * values[0.0]).abs().min() > 1e-3, "H is not linear in θ"


@cache
def magnetic():
    """A model of four charges in a magnetic field after its ridge stage, and what it was not shown."""
    data = few(MagneticSprings(4), 12)
    model = VectorPotentialLieConv("SO(2)xT(1)", 1)
    history = fit(model, Dataset(train=data.train), steps=1, refine=0)
    return model, history, data.test


def test_a_magnetic_field_is_found_without_gradients():
    """From 12 windows: a is k B × q / 2, which nobody told, and windows end 1e-8 of free flight's error off."""
    model, history, test = magnetic()
    assert [row["stage"] for row in history.rows] == ["ridge"]
    want = MagneticSprings(4).vector_potential(test.q, test.bodies.over_time())
    with torch.no_grad():
        error = (model.vector_potential(test.q, test.bodies.over_time()) - want).norm() / want.norm()
    assert error < 1e-3
    assert median_error(model, test, "rk4") < 1e-8 * window_mse(free_flight(test), test).median()


def test_charges_of_a_found_field_stay_those_of_the_group():
    """L_z and P_z at round-off along gauss4; L_x, of no symmetry of the law, not."""
    model, _, test = magnetic()
    path = lieham.forecast(model, test, steps=20, method="gauss4")
    drift = {x.name: x.drift.max().item() for x in lieham.conservation(path).charges}
    assert max(drift["L_z"], drift["P_z"]) < 1e-13 < 1e-3 < drift["L_x"]
