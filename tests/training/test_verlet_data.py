"""Data that velocity Verlet made are learned by its own step, so the law found is the true one and not its shadow."""

from __future__ import annotations

import torch

import lieham
from lieham.integrate import make_integrator
from lieham.state import Trajectory
from systems import Springs


def data(method, substeps=1):
    law, splits = Springs(4, 2), []
    for seed, count in ((0, 20), (1, 4)):
        state, bodies = law.sample(count, torch.Generator().manual_seed(seed))
        times = (torch.arange(12, dtype=torch.float64) * 0.05).expand(count, -1).clone()
        with torch.no_grad():
            x = make_integrator(method, substeps=substeps).integrate(law.hamiltonian().field(bodies), state, times)
        splits.append(Trajectory(times, x.q, x.p, bodies))
    return law, lieham.Dataset(*splits)


def force_error(law, model, x):
    bodies = x.bodies.over_time()
    zero = torch.zeros((), dtype=torch.float64)
    found, true = (h.field(bodies).force(zero, x.q) for h in (model, law.hamiltonian()))
    return float((found - true).square().mean().sqrt() / true.square().mean().sqrt())


def test_the_law_of_verlet_steps_is_the_true_one():
    law, steps = data("verlet")
    model = lieham.HLieConv("SE(2)", steps.n_features, width=16)
    lieham.fit(model, steps, steps=0, refine=0)
    assert force_error(law, model, steps.val) < 1e-8

    shadow = lieham.HLieConv("SE(2)", steps.n_features, width=16)
    lieham.fit(shadow, steps, steps=0, refine=0, method="rkn4")
    assert force_error(law, shadow, steps.val) > 1e-4, "the path between the points is not that of the true law"


def test_points_of_an_exact_flow_are_not_taken_for_steps():
    law, exact = data("yoshida6", 8)
    model = lieham.HLieConv("SE(2)", exact.n_features, width=16)
    lieham.fit(model, exact, steps=0, refine=0)
    assert force_error(law, model, exact.val) < 1e-6
