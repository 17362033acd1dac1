"""Steps of velocity Verlet are told from points of an exact flow, whatever the unit, the precision and the padding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.data.stepping import verlet_steps
from lieham.integrate import make_integrator
from lieham.state import Trajectory
from systems import LennardJones, Springs


def made(law, method, substeps=1, dt=0.02, points=30, dtype=torch.float64):
    state, bodies = law.sample(3, torch.Generator().manual_seed(0))
    times = (torch.arange(points, dtype=torch.float64) * dt).expand(3, -1).clone()
    with torch.no_grad():
        x = make_integrator(method, substeps=substeps).integrate(law.hamiltonian().field(bodies), state, times)
    return Trajectory(times, x.q, x.p, bodies).to(dtype=dtype)


@pytest.mark.parametrize("law", [Springs(5, 2), LennardJones(5, 3)], ids=lambda law: law.name)
@pytest.mark.parametrize("unit", [1.0, 1e-10, 1e4])
def test_verlet_steps_are_recognised_and_others_are_not(law, unit):
    for method, substeps, expected in (
        ("verlet", 1, True),
        ("verlet", 2, False),
        ("leapfrog", 1, False),
        ("yoshida6", 2, False),
    ):
        x = made(law, method, substeps)
        assert verlet_steps(replace(x, q=unit * x.q, p=unit * x.p)) is expected, (method, substeps)


def test_single_precision_hides_the_steps_only_where_they_are_fine():
    assert verlet_steps(made(Springs(5, 2), "verlet", dtype=torch.float32))
    assert not verlet_steps(made(Springs(5, 2), "yoshida6", 4, dtype=torch.float32))
    assert not verlet_steps(made(Springs(5, 2), "verlet", dt=1e-5, dtype=torch.float32)), "round-off hides forces there"


def test_uneven_times_few_points_and_rest_are_no_verlet_steps():
    x = made(Springs(5, 2), "verlet")
    uneven = x.times.clone()
    uneven[:, 3] += 0.004
    assert not verlet_steps(replace(x, times=uneven))
    assert not verlet_steps(x.window(0, 3))
    assert not verlet_steps(replace(x, q=torch.zeros_like(x.q), p=torch.zeros_like(x.p)))
