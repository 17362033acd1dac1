"""What the ridge stage learns where bodies meet: energies of windows that do not show their path."""

from __future__ import annotations

import pytest
import torch

from lieham import HLieConv
from lieham.errors import Interrupted
from lieham.integrate import integrate
from lieham.regression.dictionary import Columns
from lieham.regression.energy_rows import energy_rows
from lieham.regression.problem import WeightedRows, triangle
from lieham.regression.robust import robust
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import TrainConfig
from systems import Gravity
from tests.helpers.cases import trainer_of

SOFTENING = 0.02


def fast_pairs(n=400, points=9, seed=0):
    """Two bodies that attract each other on nearly radial orbits, seen too seldom for their path to show."""
    law, g = Gravity(2, 2, softening=SOFTENING), torch.Generator().manual_seed(seed)
    angle = 6.3 * torch.rand(n, generator=g, dtype=torch.float64)
    r = 0.3 + 0.7 * torch.rand(n, generator=g, dtype=torch.float64)
    side = torch.stack([angle.cos(), angle.sin()], -1)
    turn = 0.05 * torch.randn(n, 1, generator=g, dtype=torch.float64) * torch.stack([-side[:, 1], side[:, 0]], -1)
    q = 0.5 * r[:, None, None] * torch.stack([side, -side], 1)
    start = PhaseState(q, torch.stack([turn, -turn], 1))
    bodies = Bodies.of(torch.ones(n, 2, dtype=torch.float64))
    times = 0.06 * torch.arange(points, dtype=torch.float64)
    path = integrate(law.field(bodies), start, times, "yoshida6", substeps=200)
    return law, Trajectory.of(times, path.q, path.p, bodies)


def posed(data):
    return trainer_of(HLieConv("SE(2)", lift="coset"), data, None, TrainConfig(refine_windows=400))


def test_energies_hold_for_the_model_that_made_the_data():
    """Along any path of a random model, between points however far apart; not for other weights."""
    _, data = fast_pairs(20, 5)
    model = HLieConv("SE(2)", width=8, lift="coset")
    model.calibrate(data)
    with torch.no_grad():
        path = integrate(model.field(data.bodies), data.state(0), data.times, "yoshida6", substeps=8)
        own = Trajectory.of(data.times[0], path.q, path.p, data.bodies)
        dictionary = model.dictionary()
        theta = dictionary.get()
        dictionary.set(torch.zeros_like(theta))
        theta = theta.unflatten(0, (dictionary.functions, -1))
        columns = Columns(torch.arange(len(theta)), torch.eye(theta.shape[1], dtype=torch.float64))
        found = energy_rows(model, dictionary, own, columns, torch.ones(theta.numel()).double())
    assert found.A.shape == (20, 4, theta.numel())
    assert found.misfit(theta.flatten()).abs().max() < 1e-6
    assert found.misfit(1.1 * theta.flatten()).abs().max() > 1e-3


def test_outliers_lose_their_weight():
    """Three of 40 equations are wrong by 1e5 times the noise: that moves the solution by the noise, not by them."""
    g = torch.Generator().manual_seed(0)
    A = torch.randn(40, 1, 3, generator=g, dtype=torch.float64)
    z = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    y = A @ z + 1e-3 * torch.randn(40, 1, generator=g, dtype=torch.float64)
    wrong = y.clone()
    wrong[:3] += 100.0
    path = triangle(torch.eye(3, dtype=torch.float64)[None], z[None] + 0.1)
    for values, weights in ((y, False), (wrong, True)):
        rows = WeightedRows(A, values, torch.ones_like(y), torch.ones_like(y))
        got, weight = robust(path, rows, 3, 1e-12, torch.zeros(3, dtype=torch.float64))
        assert (got - z).abs().max() < 2e-3
        assert bool((weight[:3] < 1e-4 * weight.median()).all()) == weights
    plain = torch.linalg.lstsq(A.flatten(0, 1), wrong).solution.flatten()
    assert (plain - z).abs().max() > 1, "least squares alone would follow them"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_potential_is_learned_where_no_path_shows(seed):
    """Of the windows that are left out the energies tell the potential's depth; without them it is not known.

    1 % of the depth is what some windows' worth of energies may leave; seeds 0 to 5 gave 0.3 % at most.
    """
    law, data = fast_pairs(seed=seed)
    wrong, depth = [], _depth(law.hamiltonian())
    for wanted in (True, False):
        trainer = posed(data)
        own = trainer.stages[0]
        assert len(own.unresolved) > 50
        if not wanted:
            own.unresolved = own.unresolved[:0]
        own.step(trainer._fixed_loss)
        wrong.append(abs(_depth(own.model) - depth))
    assert wrong[0] < 0.01 * depth, wrong
    assert wrong[0] < 0.1 * wrong[1], wrong


def _depth(model):
    """V(0.5) − V(0.03), 26 for the law itself."""
    q = torch.tensor([[[0.0, 0.0], [x, 0.0]] for x in (0.5, 0.03)], dtype=torch.float64)
    bodies = Bodies.of(torch.ones(2, 2, dtype=torch.float64))
    with torch.no_grad():
        energy = model.energy(PhaseState(q, torch.zeros_like(q)), bodies)
    return (energy[0] - energy[1]).item()


def test_a_stop_takes_effect_where_windows_are_left_out():
    _, data = fast_pairs(100)
    asked = []
    trainer = trainer_of(
        HLieConv("SE(2)", lift="coset"),
        data,
        None,
        TrainConfig(refine_windows=400),
        stop=lambda: bool(asked.append(1)) or len(asked) > 2,
    )
    assert len(trainer.stages[0].unresolved)
    with pytest.raises(Interrupted):
        list(trainer.run())
    assert len(asked) == 3
