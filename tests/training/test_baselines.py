"""A result is set beside what costs nothing, and one that is worth little says so, once."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
import yaml

import lieham
from lieham.data import Dataset, Windows
from lieham.errors import IntegrationError, LiehamWarning
from lieham.models import HLieConv, VectorPotentialLieConv
from lieham.optim import AdamStage
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import History, fit
from lieham.training.baselines import Judge, MeanForce, fly_freely, stay
from lieham.training.ending import divergence
from systems import SYSTEMS, Springs
from systems import baselines as reference
from tests.helpers.cases import trainer_of
from tests.helpers.training import QUICK, data, new_trainer, small_model

LEARN = {"steps": 1, "refine": 0, "refine_windows": 100}
D = torch.float64


def trajectories(force, n=3, d=2, count=16, points=16, dt=0.15, features=None) -> Dataset:
    """Unit masses under force(t, q, p), by rk4 with 8 steps between points: 12 trajectories to train, 4 to validate."""
    q, p = torch.randn(2, count, n, d, generator=torch.Generator().manual_seed(3), dtype=D)

    def rate(t, y):
        return torch.stack([y[1], force(t, y[0], y[1])])

    y, path, h, t = torch.stack([q, 0.5 * p]), [], dt / 8, 0.0
    for _ in range(points):
        path.append(y)
        for _ in range(8):
            a = rate(t, y)
            b = rate(t + h / 2, y + h / 2 * a)
            c = rate(t + h / 2, y + h / 2 * b)
            y, t = y + h / 6 * (a + 2 * b + 2 * c + rate(t + h, y + h * c)), t + h
    states = torch.stack(path, 2)
    bodies = Bodies.of(torch.ones(count, n, dtype=D), features)
    x = Trajectory.of(torch.arange(points, dtype=D) * dt, states[0], states[1], bodies)
    return Dataset(train=x[:12], val=x[12:])


def pulls(q):
    return 0.5 * (q[:, None] - q[:, :, None]).sum(2)


def along(values):
    return torch.tensor(values, dtype=D)


def wrapped(box: float) -> Dataset:
    known = trajectories(lambda t, q, p: pulls(q))
    return changed(known, lambda x: replace(x, q=(x.q + box / 2) % box - box / 2))


def changed(dataset: Dataset, change) -> Dataset:
    return replace(dataset, train=change(dataset.train), val=change(dataset.val))


def chain() -> Dataset:
    """Neighbours on a line pull at each other: from feature = index/5 alone, pairs do not show who is whose."""

    def force(t, q, p):
        stretch = q[:, 1:] - q[:, :-1] - 1
        return torch.nn.functional.pad(stretch, (0, 0, 0, 1)) - torch.nn.functional.pad(stretch, (0, 0, 1, 0))

    features = (torch.arange(5, dtype=D) / 5)[None, :, None].expand(16, 5, 1)
    return trajectories(force, n=5, d=1, features=features)


WRONG = {
    "an anisotropic trap": ("SE(2)", lambda: trajectories(lambda t, q, p: -q * along([1.0, 4.0])), "declare"),
    "a trap beside a pull": ("T(2)", lambda: trajectories(lambda t, q, p: pulls(q) - q), "declare"),
    "a Lorentz force": ("T(2)", lambda: trajectories(lambda t, q, p: pulls(q) + p.flip(-1) * along([1.0, -1.0])), ""),
    "drag": ("SE(2)", lambda: trajectories(lambda t, q, p: pulls(q) - 0.4 * p), ""),
    "weak drag": ("SE(2)", lambda: trajectories(lambda t, q, p: pulls(q) - 0.02 * p), ""),
    "driving": (
        "Trivial(2)",
        lambda: trajectories(lambda t, q, p: pulls(q) - q + torch.cos(along(3.0 * t)) * along([1.0, 0.5])),
        "",
    ),
    "a chain": ("T(1)", chain, ""),
    "a box of 3": ("SE(2)", lambda: wrapped(3.0), "jump"),
    "a box of 4": ("SE(2)", lambda: wrapped(4.0), "jump"),
    "twice the momenta": (
        "SE(2)",
        lambda: changed(trajectories(lambda t, q, p: pulls(q)), lambda x: replace(x, p=2 * x.p)),
        "dq/dt",
    ),
}
"""Group that is declared, data that it cannot learn, and a word of the cause."""


@pytest.mark.parametrize("name", WRONG)
def test_data_that_cannot_be_learned_end_in_one_warning(name):
    group, make, word = WRONG[name]
    own = make()
    lift = "coset" if group == "SE(2)" else "point"
    with pytest.warns(LiehamWarning, match="free flight.*likely cause") as caught:
        history = fit(HLieConv(group, own.n_features, width=8, lift=lift), own, **LEARN)
    said = [str(x.message) for x in caught if x.category is LiehamWarning]
    assert history.warnings == said and len(said) == 1 and word in said[0]


FEW = {"double-spring-pendulum": {}, "planets": {"n_bodies": 3}}


SLOW = ("double-spring-pendulum", "falling-springs", "magnetic-springs")
LAWS = [pytest.param(x, marks=[pytest.mark.slow] if x in SLOW else []) for x in SYSTEMS if x != "bending"]


@pytest.mark.parametrize("law", LAWS)
def test_a_law_that_is_learned_ends_in_none(law):
    """Bending, whose angles take minutes, is judged by the benchmarks."""
    own = SYSTEMS[law](**FEW.get(law, {"n_bodies": 3}))
    kind = VectorPotentialLieConv if law == "magnetic-springs" else HLieConv
    points = 12 if law == "double-spring-pendulum" else 20
    few = own.generate(20, 5, 0, points=points)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LiehamWarning)
        history = fit(kind(own.symmetry, few.n_features), few, steps=1, refine=0)
    scores = history.baselines["scores"]
    assert scores["model"]["trimmed"] < 1e-3 * scores["free flight"]["trimmed"]


# The scores


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_the_model_is_scored_by_the_loss_itself(segment):
    config = replace(QUICK, window=5, segment=segment)
    trainer = new_trainer(config)
    judge = Judge(trainer.task.loss, "exact", trainer.task.fixed)
    found = judge.scores(trainer.model, trainer.task.validation)["model"]
    with torch.no_grad():
        assert found.mean == pytest.approx(trainer.task.loss(trainer.model, trainer.task.validation).item(), rel=1e-12)


@pytest.mark.parametrize("observed", ["noisy", "positions"])
def test_states_are_fitted_for_baselines_too(observed):
    config = replace(QUICK, ridge=True, observed=observed, window=5)
    task = new_trainer(config).task
    model = lieham.SeparableHamiltonian(lambda q, bodies: 0 * q.sum((-2, -1)))
    scores = Judge(task.loss, observed, task.fixed).scores(model, task.validation)
    assert scores["model"].mean == pytest.approx(task.loss(model, task.validation).item(), rel=1e-9)
    assert scores["model"].mean == pytest.approx(scores["free flight"].mean, rel=1e-3), "no force is free flight"
    assert scores["free flight"].mean < scores["constant state"].mean


def test_a_constant_state_has_2_on_the_windows_that_give_the_units():
    task = new_trainer().task
    scores = Judge(task.loss, "exact", task.fixed).scores(small_model(), task.fixed)
    assert scores["constant state"].mean == pytest.approx(2.0, rel=0.5), "about 2, since bodies are weighed"
    assert scores["mean force"].mean <= scores["free flight"].mean


def test_baselines_are_those_of_systems():
    x = data().test
    for own, known in ((stay, reference.constant_state), (fly_freely, reference.free_flight)):
        assert torch.equal(own(x).q, known(x).q) and torch.equal(own(x).p, known(x).p)


def test_a_mean_force_finds_gravity_and_a_pull():
    g = along([0.3, -1.0])
    own = trajectories(lambda t, q, p: g + 3 * 0.5 * (q.mean(1, keepdim=True) - q), dt=0.01).train
    found = MeanForce.measured(own, along(1.0))
    assert torch.allclose(found.g, g, atol=1e-2) and found.pull.item() == pytest.approx(1.5, rel=0.02)
    path = found(own.window(0, 5))
    assert isinstance(path, PhaseState)
    assert (path.q - own.q[:, :5]).abs().max() < 0.01 * (fly_freely(own.window(0, 5)).q - own.q[:, :5]).abs().max()


def test_few_close_passes_do_not_decide_the_robust_scores():
    task = new_trainer().task
    far = Windows(data().train, 3).all()
    spoiled = replace(far, q=far.q.clone())
    spoiled.q[0, 1, 0] += 100
    judge = Judge(task.loss, "exact", task.fixed)
    clean, rough = (judge.scores(small_model(), x)["free flight"] for x in (far, spoiled))
    assert rough.mean > 10 * clean.mean
    assert rough.median < 1.2 * clean.median and rough.trimmed < 1.2 * clean.trimmed


def test_which_split_was_scored_is_said():
    law = Springs(3)
    for sizes, split in (((6, 2, 2), "val"), ((6, 0, 2), "test"), ((6, 0, 0), "train")):
        history = fit(small_model(), law.generate(*sizes, points=5), config=QUICK, refine=0)
        assert history.baselines["split"] == split
        assert f"{split} windows: model" in str(history) and "free flight" in history.summary()
    assert str(History()).startswith("best validation loss inf")


def test_a_run_keeps_the_scores(tmp_path):
    run = tmp_path / "run"
    history = fit(small_model(), data(), config=QUICK, refine=0, run=run)
    kept = yaml.safe_load((run / "config.yaml").read_text())
    assert kept["baselines"] == history.baselines and kept["warnings"] == history.warnings
    again = fit(small_model(), data(), config=QUICK, refine=0, run=run, resume=True)
    assert again.baselines == history.baselines and again.warnings == history.warnings


# Stages that diverge


def rows(*values: float, best: float = 1.0, stage: str = "adam") -> History:
    return History([{"stage": stage, "step": k, "validation": x} for k, x in enumerate(values)], best)


def test_what_counts_as_divergence():
    nan = float("nan")
    for values in ((1e3, 1e4, 1e5), (5, 1e3, 1e3, 900), (nan, nan, nan), (1e3, nan, nan)):
        assert "the best, 1, is kept" in divergence(rows(*values), 1e-6), values
    for values in ((1e3, 1e4), (1e5, 1e4, 1e3), (1e3, 50, 1e3), (2, 3, 4)):
        assert divergence(rows(*values), 1e-6) == "", values
    assert divergence(rows(1e-7, 1e-6, 1e-6, best=1e-12), 1e-6) == "", "below the tolerance nothing is far"


def test_a_stage_that_diverges_is_stopped_and_the_best_is_kept():
    config = replace(QUICK, ridge=True, steps=400, refine=0, lr=3.0, ema=0.0, evaluate_every=2, tolerance=0.0)
    model = small_model()
    with pytest.warns(LiehamWarning, match="adam diverged and was stopped"):
        history = fit(model, data(), config=config)
    assert len(history.rows) < 10 and history.rows[-1]["diverged"] in history.warnings[0]
    trainer = trainer_of(model, data().train, data().val, config)
    assert trainer.task.score(model)["validation"] == pytest.approx(history.best, rel=1e-3)
    assert history.best == history.rows[0]["validation"]


def test_a_loss_that_is_no_number_ends_its_stage_alone(tmp_path, monkeypatch):
    def fails(self, loss):
        raise IntegrationError("the training loss became nan; a lower lr helps")

    with monkeypatch.context() as patch:
        patch.setattr(AdamStage, "step", fails)
        with pytest.raises(IntegrationError):
            fit(small_model(), data(), config=QUICK)
        config = replace(QUICK, ridge=True, refine=0, tolerance=1e-30)
        with pytest.warns(LiehamWarning, match="adam diverged and was stopped at step 0, since the training loss"):
            history = fit(small_model(), data(), config=config, run=tmp_path / "run")
    assert [row["stage"] for row in history.rows] == ["ridge"] and history.best < 0.1
    assert "diverged" in (tmp_path / "run" / "log.jsonl").read_text()
