"""The ridge stage: what it solves, when others follow, and how it is undone."""

from __future__ import annotations

from math import log

import pytest
import torch

from lieham import HLieConv, VectorPotentialLieConv
from lieham.data import Dataset
from lieham.errors import Interrupted
from lieham.integrate import make_integrator
from lieham.regression import RidgeStage, ridge_stage, weak_form
from lieham.regression.selection import WeakForm, select
from lieham.training import TrainConfig, fit
from systems import Coulomb, MagneticSprings, Springs
from systems.baselines import free_flight, window_mse
from tests.helpers.cases import trainer_of
from tests.regression.helpers import few


def test_the_path_is_sharpened_by_the_solution():
    """The first pass knows positions and momenta alone: what it leaves of windows left out is far more."""
    data = few(MagneticSprings(4), 12).train
    model = VectorPotentialLieConv("SO(2)xT(1)", 1)
    trainer = trainer_of(model, data, None, TrainConfig())
    with torch.no_grad():
        whole = WeakForm(model, model.dictionary(), data, trainer.task.loss)
        first = whole.posed(whole.thresholds[:1])[1].left
        last = whole.sharpened()[1].left
    assert last < first - log(1e4)


@pytest.mark.parametrize("law", [Springs(4, 2), Coulomb(4, 2)], ids=["springs", "coulomb"])
def test_the_default_solves_pair_laws_without_gradients(law):
    """From 20 windows: no stage after the first, and a test error 1e-5 of free flight's in the median."""
    data = few(law, 20)
    model = HLieConv("SE(2)", data.train.bodies.features.shape[-1])
    history = fit(model, Dataset(train=data.train))
    assert [row["stage"] for row in history.rows] == ["ridge"]
    with torch.no_grad():
        path = make_integrator("rkn4", substeps=4).integrate(
            model.field(data.test.bodies), data.test.state(0), data.test.times
        )
    floor = window_mse(free_flight(data.test), data.test).median()
    assert window_mse(path, data.test).median() < 1e-5 * floor


def test_the_paper_s_block_has_no_linear_stage():
    model = HLieConv("SE(2)", 1, width=8, block="paper")
    rows = fit(model, few(Springs(4, 2)), steps=2, refine=0).rows
    assert [row["stage"] for row in rows] == ["adam"]


def test_tolerance_decides_whether_other_stages_follow():
    rows = fit(HLieConv("SE(2)", 1, width=8, lift="coset"), few(Springs(4, 2)), steps=2, refine=0, tolerance=0.0).rows
    assert [row["stage"] for row in rows] == ["ridge", "adam"]


def test_a_solution_that_is_worse_is_not_taken():
    """A model that has converged keeps its weights bit for bit."""
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    fit(model, Dataset(train=data.train))
    trainer = trainer_of(model, data.train, None, TrainConfig())
    before = {name: x.clone() for name, x in model.state_dict().items()}
    trainer.stages[0]._descend = lambda *_: float("inf")
    trainer.stages[0].step(trainer._fixed_loss)
    assert same(trainer.stages[0].model, before)


def same(model, weights):
    return all(torch.equal(x, weights[name]) for name, x in model.state_dict().items())


def test_an_interrupted_solution_is_undone():
    """The stop that comes with the third loss leaves the weights as they were."""
    asked = []
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    before = {name: x.clone() for name, x in model.state_dict().items() if "kernel" in name}
    trainer = trainer_of(model, data.train, None, TrainConfig(), stop=lambda: bool(asked.append(1)) or len(asked) > 2)
    with pytest.raises(Interrupted):
        list(trainer.run())
    assert len(asked) == 3 and all(torch.equal(model.state_dict()[name], x) for name, x in before.items())


def test_adam_begins_from_the_weights_before():
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1)
    trainer = trainer_of(model, data.train, None, TrainConfig(tolerance=0.0))
    before = {name: x.clone() for name, x in model.state_dict().items()}
    row = next(trainer.run())
    assert row["stage"] == "ridge" and row["validation"] < 1e-3 * row["loss"]
    assert same(model, before) and not same(trainer.stages[0].model, before)
    trainer._next_stage()
    assert same(model, before) and trainer.history.best == row["validation"]


def test_float32_is_solved_too():
    """To what the coordinates' own rounding leaves, in a loss whose unit is the change in one step."""
    rows = fit(HLieConv("SE(2)", 1, dtype=torch.float32), few(Springs(4, 2)), steps=2, refine=0).rows
    assert rows[0]["stage"] == "ridge" and rows[0]["validation"] < 1e-3 * rows[0]["loss"]


def test_bodies_at_one_point_raise_nothing():
    """All bodies of all windows at one point: no force explains the data, and the other stages still run."""
    data = few(Springs(4, 2)).train
    q = data.q[:, :, :1].expand_as(data.q)
    data = Dataset(train=type(data).of(data.times, q, data.p, data.bodies))
    rows = fit(HLieConv("SE(2)", 1, width=8, lift="coset"), data, steps=2, refine=0).rows
    assert rows[-1]["stage"] == "adam"


@pytest.mark.parametrize("kept", [1, 40_000])
def test_parts_of_windows_give_the_same(kept, monkeypatch):
    """Equations and derivatives of some windows at a time add up to those of all."""
    data = few(Coulomb(3, 2), 12).train

    def solved():
        model = HLieConv("SE(2)", 1)
        trainer = trainer_of(model, data, None, TrainConfig())
        stage = RidgeStage(model, data, trainer.task.loss)
        problem, _ = select(model, model.dictionary(), stage.windows, stage.loss)
        problem.write(torch.full_like(problem.scale, 1e-3)[problem.used], model.dictionary())
        return problem.A, problem.y, stage._slope(model.dictionary())

    whole = solved()
    monkeypatch.setattr(ridge_stage, "KEPT", kept)
    monkeypatch.setattr(weak_form, "PART", kept)
    for a, b in zip(whole, solved(), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-12 * float(a.abs().max()))
