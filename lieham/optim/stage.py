"""The contract of an optimisation stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import nn

from lieham.errors import IntegrationError
from lieham.typing import Tensor

Loss = Callable[[], Tensor]


def _never() -> bool:
    """Return False: the time is not up where there is no limit."""
    return False


class Stage(ABC):
    """Improves a model step by step.

    `total` counts the steps and `every` those between validations.
    """

    name: str
    learner: str
    """What the stage is, in words: the answer to which learner made a result."""
    total: int
    every: int

    @abstractmethod
    def step(self, loss: Loss) -> float:
        """Take one step, which counts for `stride`, and return the loss before it. IntegrationError if it diverged."""

    stride: int = 1
    hands_on: bool = True
    """Whether the next stage begins from the best weights so far, and not from those before this stage."""
    fixed: bool = True
    """Whether it minimises the loss of one fixed set of items, and not that of items drawn anew."""
    over: Callable[[], bool] = staticmethod(_never)
    """Whether the time is up: a step that takes many evaluations of the loss then ends with the best of them."""
    notes: Mapping[str, str] = {}
    """What the history says of the stage beside its losses."""

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


def check_finite(loss: Tensor) -> None:
    """Raise IntegrationError when a training loss is not finite."""
    if not bool(torch.isfinite(loss)):
        raise IntegrationError(f"the training loss became {loss.item()}: lower lr or clip, or raise substeps")
