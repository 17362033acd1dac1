"""What a Trainer learns: the contract between the loop, which is one for all kinds of data, and a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import nn

from lieham.optim.stage import Stage
from lieham.typing import Tensor


class Task(ABC):
    """Batches of training data and their loss, the loss that judges the weights, and the stages that lower them."""

    stages: list[Stage]
    units: dict[str, Tensor]
    """Numbers that the data determine: a resumed run must find the same."""
    redraws: bool = True
    """What a model draws at random is drawn anew before each random batch."""

    @abstractmethod
    def __len__(self) -> int:
        """Items that batches are drawn from."""

    @abstractmethod
    def sampled_loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """The loss of a random batch."""

    @abstractmethod
    def fixed_loss(self, model: nn.Module) -> Tensor:
        """The loss of a fixed set of training items, for stages that are deterministic."""

    @abstractmethod
    def score(self, model: nn.Module) -> dict[str, float]:
        """`validation`, the loss that decides which weights are best, and what else the history is to say."""


def differing(own: dict[str, Tensor], other: dict[str, Tensor]) -> Iterable[tuple[str, float, float]]:
    """Names and values of the units that are not equal; a GPU rounds otherwise than a CPU."""
    for name, unit in other.items():
        here, there = own[name].item(), unit.item()
        if abs(here - there) > 1e-3 * max(abs(here), abs(there)):
            yield name, here, there
