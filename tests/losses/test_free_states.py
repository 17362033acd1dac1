"""Free states: learning from positions alone, from noise, and at irregular times."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.data.observing import KINDS, noise, positions, training_data
from lieham import Dataset, HLieConv, fit
from lieham.errors import InputError, Interrupted
from lieham.integrate import make_integrator
from lieham.losses.free_states import FreeStatesLoss, cumulative
from lieham.regression.dictionary import Columns, distinguishable
from lieham.regression.state_elimination import assemble_eliminated
from lieham.training import TrainConfig
from systems import Gravity, Springs
from systems.baselines import free_flight, window_mse
from tests.helpers.cases import trainer_of
from tests.helpers.less import generator, windows


def error(model, law, n=50):
    """Median 5-step MSE on exact unseen windows over free flight's."""
    test = law.benchmark(0, n_test=n, method="exact").test
    with torch.no_grad():
        field = model.field(test.bodies)
        path = make_integrator("rkn4", substeps=4).integrate(field, test.state(0), test.times)
    return (window_mse(path, test).median() / window_mse(free_flight(test), test).median()).item()


def learned(law, data, **settings):
    model = HLieConv(law.symmetry, data.bodies.features.shape[-1], lift="coset")
    return model, fit(model, Dataset(train=data), **settings)


def test_the_tangent_is_the_derivative_of_the_flow():
    """To (hω)²/24 of its change, by finite differences."""
    law = Gravity(3, 2)
    x = windows(law, 5)
    loss = FreeStatesLoss("noisy", "rkn4", 1).double()
    loss.calibrate(x)
    model, direction = law.hamiltonian(), torch.randn(12, generator=generator(), dtype=torch.float64)
    path = loss._flow(model, x, x.state(0))
    moved = loss._flow(model, x, loss._shifted(path, 1e-5 * direction.expand(5, -1)))
    got = torch.einsum("btij,j->bti", cumulative(loss.tangent(model, x, path)), direction)
    want = (loss.residual(x, path) - loss.residual(x, moved)) / 1e-5
    change = want - torch.einsum("btij,j->bti", cumulative(loss._free(x, loss.drift(x))), direction)
    assert (got - want).norm() < 1e-2 * change.norm()
    assert change.norm() > 1e-3 * want.norm()


@pytest.mark.parametrize("observed", ["noisy", "positions"])
def test_equations_hold_for_the_model_that_made_the_data(observed):
    """Along its own flow the model's own weights solve them, others do not; so do wrong initial states."""
    data = windows(Springs(4, 2))
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    loss = trainer_of(model, data, None, TrainConfig(observed=observed)).task.loss
    with torch.no_grad():
        path = loss._flow(model, data, data.state(0))
        own = replace(data, q=path.q, p=path.p)
        at = loss.fit(model, replace(own, p=1.01 * own.p))
        if observed == "positions":
            assert at.residual.abs().max() < 1e-8, "the states were found from positions alone"
        at, dictionary = loss.fit(model, own), model.dictionary()
        theta = dictionary.get()
        dictionary.set(torch.zeros_like(theta))
        theta = theta.unflatten(0, (dictionary.functions, -1))
        columns = Columns(torch.arange(len(theta)), distinguishable(dictionary, own))
        rest = model.field(own.bodies.over_time()).force(own.times[:, :-1], at.middle)
        problem = assemble_eliminated(dictionary, own, loss, at, (columns, rest))
    z = (theta @ columns.mixing).flatten() * problem.scale
    residual = (problem.A @ z - problem.y).square().mean()
    assert residual < 1e-12 * problem.y.square().mean()
    assert (problem.A @ (1.1 * z) - problem.y).square().mean() > 1e-3 * problem.y.square().mean()


def test_positions_alone_are_enough():
    """Within 1e-8 of free flight's error; estimated momenta taken for observed leave 4 times that, 3e-10 for 9e-11."""
    law = Springs(4, 2)
    data = positions(windows(law))
    alone, history = learned(law, data, observed="positions")
    taken, _ = learned(law, data, steps=1, refine=0)
    assert [row["stage"] for row in history.rows] == ["ridge, free states"]
    assert error(alone, law) < 1e-8
    assert error(taken, law) > 2 * error(alone, law)


def test_free_states_learn_more_from_noisy_data():
    """0.1 % of noise, the same windows: at least 10 times less error than first points taken for the truth."""
    law = Springs(4, 2)
    data = noise(1e-3)(windows(law), generator())
    free, _ = learned(law, data, observed="noisy")
    plain, _ = learned(law, data, steps=1, refine=0)
    assert 10 * error(free, law) < error(plain, law)


@pytest.mark.parametrize("kind", ["q, p at irregular times", "q at irregular times"])
def test_times_may_be_irregular(kind):
    """Steps that differ by more than 3; the same positions on a wrong, even grid are not learned."""
    law = Springs(4, 2)
    data = training_data(law, KINDS[kind], 10, 0).window(0, 10)
    steps = data.times.diff(dim=-1)
    assert (steps.amax(1) > 3 * steps.amin(1)).any()
    settings = {"observed": KINDS[kind].observed, "steps": 1, "refine": 0}
    assert error(learned(law, data, **settings)[0], law) < 1e-6
    even = replace(data, times=torch.linspace(0, 1, 10, dtype=data.times.dtype) * data.times[:, -1:])
    assert error(learned(law, even, **settings)[0], law) > 1e-4


def test_an_interrupted_stage_is_undone_and_repeats_itself():
    law = Springs(3, 2)
    data = positions(windows(law))
    whole, _ = learned(law, data, observed="positions")
    model = HLieConv(law.symmetry, 1, lift="coset")
    asked = iter([False, False, True])
    trainer = trainer_of(model, data, None, TrainConfig(observed="positions"), lambda: next(asked, False))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(Interrupted):
        list(trainer.run())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    again = trainer_of(HLieConv(law.symmetry, 1, lift="coset"), data, None, TrainConfig(observed="positions"))
    again.load_state_dict(trainer.state_dict())
    list(again.run())
    assert all(torch.equal(v, again.model.state_dict()[k]) for k, v in whole.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "model", "says"),
    [
        ({"window": 2}, {}, "window must be at least 3"),
        ({}, {"block": "paper"}, "observed must be exact for this model"),
        ({"ridge": False}, {}, "observed must be exact where ridge=False"),
        ({"observed": "half"}, {}, "observed must be one of"),
    ],
)
def test_what_free_states_cannot_do_is_said(settings, model, says):
    data = positions(windows(Springs(3, 2), 5))
    with pytest.raises(InputError, match=says):
        fit(HLieConv("SE(2)", 1, width=8, **model), Dataset(train=data), **({"observed": "positions"} | settings))
