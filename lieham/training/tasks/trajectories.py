"""Learning dynamics: windows of trajectories, shooting losses, and the stages for a Hamiltonian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from lieham._support.progress import announce
from lieham._support.settings import changed
from lieham.data import Dataset, Windows
from lieham.data.noise import noise_shares
from lieham.dynamics import Hamiltonian
from lieham.errors import InputError, expected
from lieham.losses import ForceLoss, FreeStatesLoss, ShootingLoss
from lieham.losses.closed import NOTICED, moves_all, push
from lieham.optim import AdamStage, LBFGSStage, Stage
from lieham.regression import LiftChoice, RidgeStage, StateEliminationStage, choose_lift
from lieham.regression.interpolant import known, split_resolved
from lieham.state import Trajectory
from lieham.training.baselines import Judge
from lieham.training.config import TrainConfig
from lieham.training.tasks.base import Task
from lieham.training.tasks.force_judge import ForceJudge
from lieham.training.tasks.labels import Labels
from lieham.typing import Tensor

FELT = 1e-3
"""Noise above this share of the changes from point to point keeps a ridge regression from solving its task."""


class TrajectoryTask(Task):
    """Fits a Hamiltonian to windows of trajectories; the model is given its units first."""

    kind = "trajectories"
    models = "a Hamiltonian"
    settings = TrainConfig

    def __init__(self, model: Hamiltonian, data: Dataset, config: TrainConfig, may_stop: Callable[[], None]):
        assert data.train is not None, "`accepts` refuses data without a train split"
        self.config, self._may_stop = config, may_stop
        self.free = config.observed in ("noisy", "positions")
        closed, self.said = _pushed(model, data.train)
        self.labels = Labels.of(model, data.train, config, closed or self.free)
        train = self.labels(data.train)
        points = 1 if self.labels.used else config.window
        self.windows = Windows(train, points, "train")
        self.fixed = _draw(self.windows, config.refine_windows * config.window // points, config.seed + 1)
        self.validation = None
        if data.val is not None:
            self.validation = _draw(Windows(self.labels(data.val), points, "val"), 200, 2)
        self.loss = self._loss(model).to(train.q.device, train.q.dtype)
        self.loss.calibrate(self.fixed)
        self.loss.closed = closed
        self.units = self.loss.state_dict()
        judged = self.fixed if self.validation is None else self.validation
        self.judged = judged if self.free else split_resolved(judged, known(model, judged), self.loss.scale_q)[0]
        self.richer = [] if self.free or not config.ridge else cast("Sequence[Hamiltonian]", model.richer())
        model.calibrate(self.fixed)
        self._choice = LiftChoice(model, None)

    def _loss(self, model: Hamiltonian) -> ShootingLoss:
        config, method = self.config, self.config.method
        if method == "auto":
            method = "rkn4" if model.separable else "rk4"
        if self.labels.used:
            return ForceLoss(method, config.compile)
        if self.free:
            return FreeStatesLoss(config.observed, method, config.substeps)
        return ShootingLoss(config.segment, method, config.substeps, config.compile)

    @classmethod
    def _check(cls, model: Any, data: Any) -> None:
        model.check(data.train)
        model.check_learnable(data.train)

    @classmethod
    def configured(
        cls, config: TrainConfig | None, settings: dict[str, Any], data: Dataset, model: Any = None
    ) -> TrainConfig:
        found = super().configured(config, settings, data, model)
        if found.observed or data.provenance.observed != "exact":
            return changed(found, {"observed": found.observed or data.provenance.observed})
        return changed(found, {"observed": _observed(found, data, model)})

    def choose(self, model: Hamiltonian) -> Hamiltonian:
        self._choice = choose_lift(model, self.richer, self.fixed, self.loss, self._may_stop)
        if self._choice.said:
            announce(self._choice.said)
        if (seen := self._choice.model.trained_range()) is not None:
            seen.extend(self.windows.trajectory)
        return self._choice.model

    def state_dict(self) -> dict[str, int]:
        return {"substeps": self.loss.substeps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.loss.take(state["substeps"])

    def stages(self, model: Hamiltonian) -> list[Stage]:
        if self.free and not self.config.ridge:
            raise InputError(
                f"observed must be exact where ridge=False, got {self.config.observed}: ridge regression learns from "
                "noise and from positions alone, so say ridge=True"
            )
        if self.free:
            return [StateEliminationStage(model, self.fixed, cast(FreeStatesLoss, self.loss), self._may_stop)]
        found = self._choice
        notes = {"choice": found.said} if found.said else {}
        ridge = RidgeStage(model, self.fixed, self.loss, self._may_stop, notes, (found.posed, found.windows))
        first: list[Stage] = [ridge] if self.config.ridge and ridge.total else []
        return [*first, AdamStage(model, self.config), LBFGSStage(model, self.config.refine)]

    def __len__(self) -> int:
        return len(self.windows)

    def sampled_loss(self, model: Hamiltonian, generator: torch.Generator) -> Tensor:
        few = len(self.windows) <= self.config.batch
        return self.loss(model, self.windows.all() if few else self.windows.sample(self.config.batch, generator))

    def fixed_loss(self, model: Hamiltonian) -> Tensor:
        return self.loss(model, self.fixed)

    def beside_baselines(self, model: Hamiltonian, data: Dataset) -> dict:
        split, windows = self._held_out(data)
        return self.scored(model, split, windows)

    def scored(self, model: Hamiltonian, split: str, windows: Trajectory) -> dict:
        """Return the scores of the model and of baselines on windows, as `History.baselines` holds them.

        Args:
            model: the model.
            split: the name of the split that the windows are of.
            windows: the windows, (b, time, n, d).
        """
        observed = self.config.observed
        forces = cast(ForceLoss, self.loss)
        judge = ForceJudge(forces, self.fixed) if self.labels.used else Judge(self.loss, observed, self.fixed)
        scores = judge.scores(model, windows)
        named = {name: score._asdict() for name, score in scores.items()}
        return {"split": split, "windows": len(windows), "scores": named}

    def _held_out(self, data: Dataset) -> tuple[str, Trajectory]:
        """Return windows that training did not see, of val or else of test; those of training where there are none."""
        if self.validation is not None:
            return "val", self.judged
        if data.test is None or data.test.n_steps < self.windows.length - 1:
            return "train", self.judged
        windows = _draw(Windows(self.labels(data.test), self.windows.length), 200, 2)
        return "test", windows.to(self.fixed.q.device, self.fixed.q.dtype)

    def score(self, model: Hamiltonian) -> dict[str, float]:
        return self.loss.scores(model, self.judged)


def _pushed(model: Hamiltonian, x: Trajectory) -> tuple[bool, str]:
    """Return whether an outside push is to be taken out of the loss, and what the user must read about a push."""
    if not moves_all(model.group):
        return False, ""
    field = model.uniform_field
    outside = push(x, field)
    if field is not None:
        return False, outside.beyond(field) if outside.most > NOTICED else ""
    return outside.disturbs, str(outside) if outside.disturbs or outside.constant else ""


def _observed(config: TrainConfig, data: Dataset, model: Any) -> str:
    """Return "noisy" where the data show noise that a ridge regression would feel and that can be taken account of."""
    able = config.ridge and config.window > 2 and model is not None and model.separable
    if not able or model.dictionary() is None or data.train is None:
        return "exact"
    noise = max(float(x) for x in noise_shares(data.train))
    if noise <= FELT:
        return "exact"
    announce(
        f"the data have noise, {100 * noise:.2g} % of the changes from point to point: the initial states of windows "
        "are fitted too (observed=noisy; observed=exact takes the data as they are)"
    )
    return "noisy"


def scores_of_trajectories(model: Hamiltonian, data: Dataset, config: TrainConfig, split: str) -> dict:
    """Return the scores of a trained model and of baselines on windows of a split, as `History.baselines` holds them.

    Args:
        model: the trained model.
        data: the data that it was trained on, whose training windows give the loss its units.
        config: the settings of the training.
        split: the split to score: train, val or test.

    Raises:
        InputError: if the data hold no such split.
    """
    weight = next(model.parameters())
    moved: dict[str, Any] = {name: x.to(weight.device, weight.dtype) for name, x in data.splits.items()}
    seen = replace(data, **moved)
    asked = seen.splits.get(split)
    if asked is None:
        raise expected("split", f"one of {', '.join(seen.splits)}, which the data of the run hold", repr(split))
    task = TrajectoryTask(model, seen, TrajectoryTask.configured(config, {}, seen), lambda: None)
    return task.scored(model, split, _draw(Windows(task.labels(asked), task.windows.length), 200, 2))


def _draw(windows: Windows, count: int, seed: int) -> Trajectory:
    """Return all windows where they are few, else `count` of them, always the same."""
    if len(windows) <= count:
        return windows.all()
    return windows.sample(count, torch.Generator().manual_seed(seed))
