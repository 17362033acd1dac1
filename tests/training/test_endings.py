"""Later stages never undo the regression: what is kept, which stages begin, and when they end."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from math import inf

import pytest
import torch

from lieham.data import Dataset
from lieham.errors import InputError, LiehamWarning
from lieham.optim import AdamStage, LBFGSStage
from lieham.training import History, TrainConfig, fit
from lieham.training.ending import HOPE, futility, is_better, is_learned
from lieham.training.trainer import Trainer
from tests.helpers.cases import trainer_of
from tests.helpers.training import LAW, QUICK, data, equal, same_weights, small_model

AFTER_RIDGE = replace(
    QUICK, ridge=True, tolerance=1e-30, steps=60, refine=0, evaluate_every=5, window=5, refine_windows=60
)
"""A ridge regression that solves its task, of which gradients do not know."""


def law() -> Dataset:
    return LAW.benchmark(60, n_val=20, n_test=0)


def row(stage: str, validation: float, median: float, step: int = 1, **more) -> dict:
    return {"stage": stage, "step": step, "validation": validation, "median": median, "kept": False} | more


RIDGE = row("ridge", 1e-4, 1e-8, kept=True, before=1.0)


# What is kept


@pytest.mark.parametrize(
    ("validation", "median", "kept"),
    [(1e-5, 1e-9, True), (1e-5, 1e-7, False), (1e-3, 1e-9, False), (1e-5, 1e-8, True)],
    ids=["better in both", "worse in the median", "worse in the mean", "as good in the median"],
)
def test_a_later_stage_must_not_be_worse_in_either_score(validation, median, kept):
    history = History([RIDGE], 1e-4)
    found = {"validation": validation, "median": median, "mean": 1.0}
    assert is_better(history, "adam", found) is kept
    assert is_better(history, "ridge", found) is (validation < 1e-4), "within a stage the trimmed mean alone decides"
    assert is_better(History(), "adam", found) and is_better(History(), "adam", {"validation": 1.0}), "of clouds too"


def test_the_bound_of_the_median_stays_while_a_stage_goes_on():
    first = row("adam", 1e-5, 1e-8, kept=True)
    history = History([RIDGE, first, row("adam", 1e-3, 1e-12)], 1e-5)
    assert not is_better(history, "adam", {"validation": 1e-6, "median": 2e-8})
    assert is_better(history, "adam", {"validation": 1e-6, "median": 1e-8})


def test_weights_that_trade_most_windows_for_a_few_are_not_kept(monkeypatch):
    """Adam lowers the trimmed mean here and raises the median, as close passes make it do: the ridge's stay."""
    config = replace(AFTER_RIDGE, steps=10)
    trainer = trainer_of(small_model(), data().train, data().val, config)
    scores = iter([(1e-4, 1e-8), (1.0, 1.0), (1e-5, 1e-7), (1e-6, 1e-7)])
    score = lambda model: dict(zip(("validation", "median"), next(scores), strict=True))  # noqa: E731
    monkeypatch.setattr(trainer.task, "score", score)
    found = list(trainer.run())
    assert [x["kept"] for x in found] == [True, False, False] and trainer.history.learner.startswith("ridge")
    assert same_weights(trainer.model, trainer.stages[0].model)


# Which stages begin


@pytest.mark.parametrize(
    ("validation", "median", "learned"),
    [(1e-7, 1e-7, True), (1e-3, 1e-10, True), (1e-3, 1e-8, False), (1e-5, 1e-6, False)],
    ids=["solved", "all but some windows", "half of them nearly", "not solved"],
)
def test_no_stage_begins_where_the_law_is_found(validation, median, learned):
    history = History([RIDGE | {"validation": validation, "median": median}], validation)
    assert is_learned(history, 1e-6) is learned
    assert not is_learned(history, 0.0)


def test_a_stage_that_cannot_pay_is_stopped():
    slow = [row("adam", 0.9, 0.9, 50), row("adam", 0.8, 0.8, 100)]
    said = futility(History([RIDGE, *slow], 1e-4), 500, True)
    assert (
        said
        == "adam was stopped at step 100, since from 1 it has come to 0.8 and will not reach the regression's 0.0001"
    )
    assert futility(History([RIDGE, slow[0]], 1e-4), 500, True) == "", "one validation tells no pace"
    assert futility(History([RIDGE, slow[0], row("adam", 1.5, 1.0, 100)], 1e-4), 500, True), "it goes up"
    fast = [row("adam", 0.5, 0.5, 50), row("adam", 0.1, 0.1, 100)]
    assert 0.1 ** (HOPE * 500 / 100) < 1e-4
    assert futility(History([RIDGE, *fast], 1e-4), 500, True) == ""
    assert futility(History([RIDGE, *fast], 1e-4), 120, True), "there is no time for the rest"
    assert futility(History([RIDGE | {"before": inf}, *slow], 1e-4), 500, True) == "", "its pace is not known"
    assert futility(History(slow, 0.8), 500, True) == "", "nothing was found before"
    assert futility(History([RIDGE, fast[0], row("adam", 1e-5, 1e-9, 100, kept=True)], 1e-5), 101, True) == ""


def test_a_stage_that_begins_from_the_best_must_improve_it():
    for validation, stopped in ((2e-4, True), (0.95e-4, True), (0.5e-4, False)):
        last = row("lbfgs", validation, 1e-9, 50, kept=validation < 1e-4)
        assert bool(futility(History([RIDGE, last], min(1e-4, validation)), 200, False)) is stopped


def test_gradients_do_not_go_on_after_a_solution_that_they_cannot_reach():
    history = fit(small_model(width=16), law(), config=AFTER_RIDGE)
    assert history.learner.startswith("ridge") and history.best < 1e-7
    assert [x["step"] for x in history.rows if x["stage"] == "adam"] == [5, 10] and "futile" in history.rows[-1]
    whole = fit(small_model(width=16), law(), config=replace(AFTER_RIDGE, tolerance=0.0, steps=20))
    assert whole.rows[-1]["step"] == 20, "with a tolerance of 0 every stage goes to its end"
    assert not any("futile" in x for x in whole.rows)


def test_gradients_go_on_where_they_pay():
    """The negative control: where the regression saw too few windows, Adam sees them all, is let go on, and is kept."""
    config = replace(AFTER_RIDGE, evaluate_every=10, refine_windows=2, batch=60)
    history = fit(small_model(), law(), config=config)
    ridge = history.rows[0]
    assert history.rows[-1]["step"] == 60 and not {"futile", "diverged", "late"} & history.rows[-1].keys()
    assert history.learner == AdamStage.learner and history.best < ridge["validation"] / 1.5
    assert history.kept["median"] <= ridge["median"]


def test_a_stage_that_falls_from_far_above_the_regression_does_not_diverge():
    """Adam stays at 0.2 for three validations, far above the regression's loss."""
    config = replace(AFTER_RIDGE, tolerance=0.0, steps=30)
    history = fit(small_model(width=32), law(), config=config)
    assert history.rows[3]["validation"] > 100 * history.best and history.rows[-1]["step"] == 30
    assert not any("diverged" in x for x in history.rows)


# The limit of time


def hurried(monkeypatch, after: str) -> None:
    """Let all time be spent once a stage of that name has made its first step."""

    def seconds(self):
        return (
            1e6 if any(x["stage"] == after for x in self.history.rows) or self.stages[self.stage].name == after else 1.0
        )

    monkeypatch.setattr(Trainer, "seconds", property(seconds))


def test_the_limit_of_time_ends_a_stage_and_says_so(monkeypatch, tmp_path):
    config = replace(AFTER_RIDGE, refine=6, minutes=2.0)
    hurried(monkeypatch, "adam")
    with pytest.warns(LiehamWarning, match="ended by the limit of 2 minutes, after step 1 of adam; .* minutes=0 lets"):
        history = fit(small_model(), data(), config=config, run=tmp_path / "run")
    assert [x["stage"] for x in history.rows] == ["ridge", "adam"] and history.learner.startswith("ridge")
    monkeypatch.undo()
    with pytest.warns(LiehamWarning, match="ended by the limit of 2 minutes"):
        again = fit(small_model(), data(), config=config, run=tmp_path / "run", resume=True)
    assert equal(again.rows, history.rows), "a run that the limit has ended stays ended"


def test_no_stage_begins_when_the_regression_took_the_time(monkeypatch):
    hurried(monkeypatch, "ridge")
    with pytest.warns(LiehamWarning, match="after step 1 of ridge"):
        history = fit(small_model(), data(), config=AFTER_RIDGE)
    assert [x["stage"] for x in history.rows] == ["ridge"]


def test_there_is_no_limit_where_nothing_else_was_found_or_none_is_wanted(monkeypatch):
    hurried(monkeypatch, "adam")
    for config in (QUICK, replace(AFTER_RIDGE, minutes=0.0, tolerance=0.0, steps=8)):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*limit of.*")
            history = fit(small_model(), data(), config=config)
        assert max(x["step"] for x in history.rows if x["stage"] == "adam") == 8
    with pytest.raises(InputError, match="minutes must be at least 0"):
        TrainConfig(minutes=-1.0)


def test_the_time_before_an_interruption_counts():
    config = replace(QUICK, steps=4)
    trainer = trainer_of(small_model(), data().train, data().val, config)
    state = trainer.state_dict() | {"seconds": 1e4}
    again = trainer_of(small_model(), data().train, data().val, config)
    again.load_state_dict(state)
    began = time.perf_counter()
    assert 1e4 <= again.seconds < 1e4 + 60 + time.perf_counter() - began


def test_lbfgs_ends_within_a_step_with_its_last_iterate():
    weight = torch.nn.Parameter(torch.tensor([3.0, 1.0], dtype=torch.float64))
    module = torch.nn.Module()
    module.weight = weight
    loss = lambda: (weight - 1).square().square().sum() + weight.prod().square()  # noqa: E731
    stage, asked = LBFGSStage(module, 40), []
    stage.over = lambda: bool(asked.append(1)) or len(asked) >= 2
    start = loss().item()
    assert stage.step(loss) < start and len(asked) == 2
    assert loss().item() < start
    left = loss().item()
    LBFGSStage(module, 40).step(loss)
    assert loss().item() < left, "there was more to gain"
