"""The baselines of the benchmarks: that each is what its name says, learns, and is given no more than the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.baselines import BASELINES
from benchmarks.baselines.units import Units
from benchmarks.studies.transfer import score
from lieham import Hamiltonian, fit
from lieham.groups import make_group
from lieham.state import PhaseState
from systems import Gravity, Springs
from tests.helpers.cases import trainer_of

LAW = Springs(4, 2)
ZERO = torch.zeros((), dtype=torch.float64)


def made(name, law=LAW, seed=0):
    return BASELINES[name].make(law.n_bodies, law.dim, 1, law.symmetry, seed)


@pytest.fixture(scope="module")
def data():
    return LAW.benchmark(20, 0, n_test=10)


def moved(model, x, name):
    """How much ṗ at a moved state differs from the moved ṗ, relative."""
    group = make_group(name)
    g = group.sample(generator=torch.Generator().manual_seed(1))
    A, state, field = g[:-1, :-1], x.state(0), model.field(x.bodies)
    here, there = field(ZERO, state), field(ZERO, PhaseState(state.q @ A.mT + g[:-1, -1], state.p @ A.mT))
    return (there.p - here.p @ A.mT).norm() / here.p.norm()


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_learns(name, data):
    model = made(name)
    config = replace(BASELINES[name].training(20), steps=30, refine=0, evaluate_every=15)
    best, model_at_first = fit(model, data, config=config).best, made(name)
    task = trainer_of(model_at_first, data.train, data.val, config).task
    assert best < task.score(model_at_first)["validation"], "better than without training"
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), model_at_first.parameters(), strict=True))


@pytest.mark.parametrize("name", BASELINES)
def test_initial_weights_follow_the_seed_and_leave_the_global_generator_alone(name):
    before = torch.get_rng_state()
    first, same, other = made(name), made(name), made(name, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "group", "keeps"),
    [
        ("EGNN force", "SE(2)", True),
        ("LieConv-T", "T(2)", True),
        ("LieConv-SO", "SO(2)", True),
        ("FLieConv-T", "T(2)", True),
        ("LieConv-T", "SO(2)", False),
        ("LieConv-SO", "T(2)", False),
        ("LieConv-Trivial", "T(2)", False),
        ("OGN", "T(2)", False),
        ("HOGN", "T(2)", False),
        ("VOGN", "T(2)", False),
        ("FC", "T(2)", False),
        ("HFC", "T(2)", False),
        ("second-order ODE", "T(2)", False),
    ],
)
def test_each_has_its_own_symmetry_and_nothing_is_centred(name, group, keeps, data):
    model = made(name)
    with torch.no_grad():
        for x in model.parameters():
            if not x.any():
                x.normal_(std=0.1, generator=torch.Generator().manual_seed(2))
    change = moved(model, data.test, group)
    assert change < 1e-12 if keeps else change > 1e-3


@pytest.mark.parametrize("name", ["HFC", "HOGN", "VOGN", "LieConv-T"])
def test_those_with_a_hamiltonian_keep_it(name, data):
    model, x = made(name), data.test
    assert isinstance(model, Hamiltonian)
    rates = model.field(x.bodies)(ZERO, x.state(0))
    slope = torch.func.grad(lambda z: model.energy(z, x.bodies).sum())(x.state(0))
    power = (slope.q * rates.q + slope.p * rates.p).sum((-1, -2))
    scale = (slope.q * rates.q).abs().sum((-1, -2)) + (slope.p * rates.p).abs().sum((-1, -2))
    assert (power.abs() < 1e-13 * scale).all()


def test_units_are_root_mean_squares(data):
    units, x = Units(1), data.train
    units.calibrate(x)
    h = x.times.diff(dim=-1)[..., None, None]
    for name, value in (("position", x.q), ("momentum", x.p), ("force", x.p.diff(dim=-3) / h)):
        assert getattr(units, name).item() == pytest.approx(value.square().mean().sqrt().item(), rel=1e-12)
    assert units.feature[1].item() == pytest.approx(x.bodies.features.square().mean().sqrt().item(), rel=1e-12)


@pytest.mark.parametrize(("name", "taken"), [("FC", False), ("EGNN force", True)])
def test_transfer_says_which_take_other_numbers_of_bodies(name, taken):
    law = Gravity()
    model = BASELINES[name].make(6, law.dim, 0, law.symmetry, 0)
    found = score(model, "gravity", 3)["bodies"]
    assert ("force" in found["8"]) == taken and ("refused" in found["8"]) != taken
