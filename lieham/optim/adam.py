"""Adam on random batches."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lieham.optim.stage import Loss, Stage, check_finite


@runtime_checkable
class AdamSettings(Protocol):
    """The settings of training that `AdamStage` reads; `TrainConfig` describes them."""

    @property
    def steps(self) -> int:
        """The number of steps in all."""

    @property
    def evaluate_every(self) -> int:
        """Steps between validations."""

    @property
    def lr(self) -> float:
        """The first learning rate."""

    @property
    def clip(self) -> float:
        """Bound on the norm of the gradient."""

    @property
    def ema(self) -> float:
        """Decay of the moving average of the weights."""


class AdamStage(Stage):
    """Adam with a cosine schedule, clipped gradients and an exponential moving average of the weights.

    Args:
        model: the model; the average of its weights is what is validated and kept.
        config: steps, learning rate, bound on the gradient, decay of the average.
    """

    name = "adam"
    learner = "gradient descent (Adam)"
    fixed = False

    def __init__(self, model: nn.Module, config: AdamSettings):
        self.total, self.every, self.clip = config.steps, config.evaluate_every, config.clip
        self._model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, max(config.steps, 1))
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))

    def step(self, loss: Loss) -> float:
        value = loss()
        check_finite(value)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), self.clip)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self._model)
        return value.item()

    @property
    def model(self) -> nn.Module:
        return self.average.module

    def state_dict(self) -> dict:
        parts: dict[str, Any] = {"optimizer": self.optimizer, "schedule": self.schedule, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state: dict) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])
