"""Training learns, by seeds alone, and keeps the best weights."""

from __future__ import annotations

import math
import random
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from lieham.data import Dataset, Windows
from lieham.errors import InputError
from lieham.training import fit
from lieham.training.config import TrainConfig
from systems.baselines import free_flight
from tests.helpers.cases import trainer_of
from tests.helpers.refusals import says
from tests.helpers.training import LAW, QUICK, data, equal, new_trainer, same_weights, small_model

pytestmark = pytest.mark.usefixtures("short_chunks")


# Learning


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_fit_learns_springs(dtype, full_chunks):
    """From 20 windows to a loss 1,000 times below free flight's."""
    model = small_model(dtype, width=16)
    history = fit(model, data(), ridge=False, steps=60, refine=30, evaluate_every=20, batch=20)
    trainer = trainer_of(model, data().train.to(dtype=dtype), data().val.to(dtype=dtype), TrainConfig())
    flight = free_flight(trainer.task.validation)
    loss, windows = trainer.task.loss, trainer.task.validation
    drift = ((flight.q - windows.q) / loss.scale_q).square() + ((flight.p - windows.p) / loss.scale_p).square()
    assert history.best < 1e-3 * drift[:, 1:].mean().item()
    assert {x.dtype for x in model.state_dict().values()} == {dtype, torch.bool}
    assert [row["stage"] for row in history.rows] == ["adam"] * 3 + ["lbfgs"]
    assert history.rows[-1]["loss"] < history.rows[0]["loss"]


def test_the_weights_kept_are_the_best_on_validation():
    """A learning rate of 0.3 is far too large, so that the last validation is not the best."""
    model = small_model()
    config = replace(QUICK, refine=0, steps=20, lr=0.3, ema=0.0, evaluate_every=1)
    history = fit(model, data(), config=config)
    scores = [row["validation"] for row in history.rows]
    assert history.best == min(scores) < scores[-1]
    trainer = trainer_of(model, data().train, data().val, config)
    with torch.no_grad():
        assert trainer.task.score(model)["validation"] == min(scores)


def test_patience_ends_a_stage_early():
    config = replace(QUICK, refine=0, steps=100, lr=0.3, ema=0.0, evaluate_every=1)
    rows = fit(small_model(), data(), config=config, patience=3).rows
    scores = [row["validation"] for row in rows]
    assert 3 < len(rows) < 100
    assert min(scores) == scores[-4] and min(scores[:-4], default=math.inf) > scores[-4]
    steady = fit(small_model(), data(), config=config, steps=len(rows) + 1).rows
    assert len(steady) == len(rows) + 1, "patience=0 stops for nothing"


def test_patience_of_adam_leaves_refinement_alone():
    rows = fit(small_model(), data(), config=replace(QUICK, lr=0.1, ema=0.0, steps=100), patience=1).rows
    assert [row["stage"] for row in rows][-1] == "lbfgs"
    assert rows[-1]["validation"] < min(row["validation"] for row in rows if row["stage"] == "adam")


def test_without_a_validation_split_the_training_loss_decides():
    model, alone = small_model(), Dataset(train=data().train)
    history = fit(model, alone, config=QUICK)
    trainer = trainer_of(model, alone.train, None, QUICK)
    with torch.no_grad():
        assert trainer.task.score(model)["validation"] == history.best


def test_training_draws_nothing_from_global_generators(tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    fit(small_model(), data(), config=QUICK, refine=4, run=tmp_path / "run")
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert equal(before, after)


def test_the_seed_decides_and_nothing_else():
    a, b, c = small_model(), small_model(), small_model()
    torch.manual_seed(5)
    fit(a, data(), config=QUICK, refine=0)
    torch.manual_seed(6)
    fit(b, data(), config=QUICK, refine=0)
    fit(c, data(), config=QUICK, refine=0, seed=1)
    assert same_weights(a, b) and not same_weights(a, c)


def test_a_second_fit_keeps_the_units_of_the_first():
    model = small_model()
    fit(model, data(), config=QUICK, refine=0)
    units = [model.potential.length.clone(), model.potential.energy.clone(), model.potential.scale.clone()]
    far = replace(data().train, q=3 * data().train.q, p=3 * data().train.p)
    fit(model, Dataset(train=far), config=QUICK, refine=0)
    assert equal(units, [model.potential.length, model.potential.energy, model.potential.scale])
    fresh = small_model()
    fit(fresh, Dataset(train=far), config=QUICK, refine=0)
    assert not equal(units[0], fresh.potential.length)


def test_fit_writes_to_no_argument_but_the_model():
    dataset = LAW.generate(4, 2, 0, points=5)
    copies = [x.clone() for split in dataset.splits.values() for x in (split.times, split.q, split.p)]
    fit(small_model(), dataset, config=QUICK, refine=0)
    assert equal(copies, [x for split in dataset.splits.values() for x in (split.times, split.q, split.p)])


def test_progress_counts_to_the_end():
    seen = []
    fit(small_model(), data(), config=QUICK, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 20) for done in (*range(1, 9), 14, 20)]


# TensorBoard


def test_tensorboard_is_written_on_request(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path / "with", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "with" / "tensorboard"))
    events.Reload()
    for name in ("loss", "validation"):
        # TensorBoard stores float32.
        assert [x.value for x in events.Scalars(name)] == pytest.approx([r[name] for r in history.rows], rel=1e-6)
    fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path / "without")
    assert not (tmp_path / "without" / "tensorboard").exists()


def test_absent_tensorboard_is_named_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = tmp_path / "run"
    says(
        InputError, lambda: fit(small_model(), data(), config=QUICK, run=run, tensorboard=True),
        "tensorboard must be installed", "pip install 'lieham[tensorboard]'",
    )  # fmt: skip
    assert not run.exists()


def test_windows_of_training_come_from_the_training_split_alone():
    trainer = new_trainer()
    assert len(trainer.task.windows) == 20 * 3 and trainer.task.fixed.q.shape == (8, 3, 3, 2)
    assert len(trainer.task.validation) == 4 * 3
    rows = Windows(data().train, 3).all().q.flatten(1)
    assert all(bool((rows == x).all(1).any()) for x in trainer.task.fixed.q.flatten(1))
    assert asdict(trainer.config) == asdict(QUICK)
