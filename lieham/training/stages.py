"""Optimisation stages: Adam on random windows, then L-BFGS on a fixed set. Each resumes from its own state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import ceil

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn.utils import parameters_to_vector
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lieham.config import CloudTrainConfig, TrainConfig
from lieham.errors import IntegrationError
from lieham.typing import Tensor

Loss = Callable[[], Tensor]

REFINE_CHUNK = 50
"""Most L-BFGS iterations between checkpoints; its memory of curvature starts afresh after each."""

DIVERGED = 1e10
"""Loss where the flow diverges: finite, so that the line search can shorten its step, which it cannot do from inf."""


class Stage(ABC):
    """Improves a model step by step; `total` counts the steps and `every` those between validations."""

    name: str
    total: int
    every: int

    @abstractmethod
    def step(self, loss: Loss) -> float:
        """One step (of `self.stride` counts); returns the loss before it. IntegrationError when it is not finite."""

    stride: int = 1
    hands_on: bool = True
    """The next stage begins from the best weights so far; if False, from those before this stage."""
    fixed: bool = True
    """It minimises the loss of one fixed set of windows, not of windows drawn anew."""
    notes: Mapping[str, str] = {}
    """What the history is to say of it beside its losses."""

    @property
    @abstractmethod
    def model(self) -> nn.Module:
        """The weights to validate and keep."""

    @abstractmethod
    def state_dict(self) -> dict:
        """All that the next step depends on but the model's own weights."""

    @abstractmethod
    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` gave."""


class AdamStage(Stage):
    """Adam with a cosine schedule, clipped gradients and an exponential moving average of the weights."""

    name = "adam"
    fixed = False

    def __init__(self, model: nn.Module, config: TrainConfig | CloudTrainConfig):
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
        parts = {"optimizer": self.optimizer, "schedule": self.schedule, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state: dict) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])


class RefineStage(Stage):
    """scipy's L-BFGS-B (Byrd, Lu, Nocedal, Zhu 1995) on a deterministic loss, `REFINE_CHUNK` at a time."""

    name = "refine"

    def __init__(self, model: nn.Module, config: TrainConfig):
        self._model = model
        self.total, self.every = config.refine, 1
        chunks = max(ceil(config.refine / REFINE_CHUNK), 1)
        self.stride = max(ceil(config.refine / chunks), 1)
        self.parameters = [p for p in model.parameters() if p.requires_grad]

    def step(self, loss: Loss) -> float:
        start = self._read()
        options = {"maxcor": 50, "maxiter": self.stride, "maxfun": 2 * self.stride, "ftol": 0.0, "gtol": 0.0}
        try:
            result = minimize(self._value_and_gradient, start, (loss,), "L-BFGS-B", jac=True, options=options)
        except BaseException:
            self._write(start)  # an interrupted step is undone, so that a resumed run repeats it
            raise
        diverged = result.fun >= DIVERGED
        self._write(start if diverged else result.x)
        check_finite(torch.tensor(np.inf if diverged else result.fun))
        return float(result.fun)

    def _value_and_gradient(self, x: np.ndarray, loss: Loss) -> tuple[float, np.ndarray]:
        self._write(x)
        self._model.zero_grad(set_to_none=True)
        try:
            value = loss()
        except IntegrationError:
            return DIVERGED, np.zeros_like(x)
        if not value.item() < DIVERGED:
            return DIVERGED, np.zeros_like(x)
        value.backward()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        return value.item(), parameters_to_vector(gradients).cpu().double().numpy()

    def _read(self) -> np.ndarray:
        return parameters_to_vector(self.parameters).detach().cpu().double().numpy()

    @torch.no_grad()
    def _write(self, x: np.ndarray) -> None:
        first = self.parameters[0]
        pieces = torch.from_numpy(x).to(first.device, first.dtype).split([p.numel() for p in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))

    @property
    def model(self) -> nn.Module:
        return self._model

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing: a step begins from the weights alone."""


def check_finite(loss: Tensor) -> None:
    """Raise IntegrationError when a training loss is not finite."""
    if not bool(torch.isfinite(loss)):
        raise IntegrationError(f"the training loss became {loss.item()}: lower lr or clip, or raise substeps")
