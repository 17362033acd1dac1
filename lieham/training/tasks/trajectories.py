"""Learning dynamics: windows of trajectories, shooting losses, and the stages for a Hamiltonian."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lieham.data import Windows
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.free_states import StatesLoss
from lieham.losses.shooting import ShootingLoss
from lieham.optim.adam import AdamStage
from lieham.optim.lbfgs import RefineStage
from lieham.optim.stage import Stage
from lieham.regression.ridge_stage import LinearStage, told
from lieham.regression.state_elimination import StatesStage
from lieham.state import Trajectory
from lieham.training.config import TrainConfig
from lieham.training.tasks.base import Task
from lieham.typing import Tensor


class DynamicsTask(Task):
    """Fits a Hamiltonian to windows; the model is given its units, and the lift that the law needs."""

    def __init__(
        self,
        model: Hamiltonian,
        train: Trajectory,
        validation: Trajectory | None,
        config: TrainConfig,
        may_stop: Callable[[], None],
    ):
        self.config = config
        self.windows = Windows(train, config.window)
        self.fixed = _draw(self.windows, config.refine_windows, config.seed + 1)
        self.validation = None if validation is None else _draw(Windows(validation, config.window), 200, 2)
        method = config.method
        if method == "auto":
            method = "rkn4" if model.separable else "rk4"
        if free := config.observed in ("noisy", "positions"):
            loss = StatesLoss(config.observed, method, config.substeps)
        else:
            loss = ShootingLoss(config.segment, method, config.substeps, config.compile)
        self.loss = loss.to(train.q.device, train.q.dtype)
        self.loss.measure(self.fixed)
        self.units = self.loss.state_dict()
        judged = self.fixed if self.validation is None else self.validation
        self.judged = judged if free else told(model, judged, self.loss)[0]
        open_lift = getattr(model, "lift_is_open", False)
        model.calibrate(self.fixed)
        self.stages = self._stages(model, StatesStage if free else LinearStage, open_lift, may_stop)

    def _stages(
        self, model: Hamiltonian, kind: type[LinearStage], open_lift: bool, may_stop: Callable[[], None]
    ) -> list[Stage]:
        first = kind(model, self.fixed, self.loss, self.config.linear, may_stop)
        if kind is StatesStage:
            return [first]
        if first.total and open_lift:
            first.choose_lift()
        return [first] * first.total + [AdamStage(model, self.config), RefineStage(model, self.config.refine)]

    def __len__(self) -> int:
        return len(self.windows)

    def sampled_loss(self, model: Hamiltonian, generator: torch.Generator) -> Tensor:
        few = len(self.windows) <= self.config.batch
        return self.loss(model, self.windows.all() if few else self.windows.sample(self.config.batch, generator))

    def fixed_loss(self, model: Hamiltonian) -> Tensor:
        return self.loss(model, self.fixed)

    def score(self, model: Hamiltonian) -> dict[str, float]:
        return {"validation": self.loss(model, self.judged).item()}


def _draw(windows: Windows, count: int, seed: int) -> Trajectory:
    """All windows where they are few, else `count` of them, always the same."""
    if len(windows) <= count:
        return windows.all()
    return windows.sample(count, torch.Generator().manual_seed(seed))
