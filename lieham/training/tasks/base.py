"""The contract between the training loop, which is one for all kinds of data, and a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import nn

from lieham._support.settings import changed
from lieham.errors import InputError, expected
from lieham.optim.stage import Stage
from lieham.typing import Tensor


class Task(ABC):
    """Batches of training data and their loss, the loss that judges the weights, and the stages that lower them.

    A kind of data is a leaf of this class and one line in `tasks.TASKS`.

    Args:
        model: the model; the task gives it its units.
        data: the splits `train` and `val`, on the model's device and in its precision.
        config: an instance of `settings`.
        may_stop: called before every evaluation of a loss; it raises Interrupted when somebody asked for that.
    """

    kind: ClassVar[str]
    """The `kind` of the datasets that are learned from."""
    models: ClassVar[str]
    """The models that can learn from them, in words."""
    settings: ClassVar[type]
    """The class of the settings of training."""
    units: dict[str, Tensor]
    """Numbers that the data determine: a resumed run must find the same."""
    said: str = ""
    """A sentence that the user must read about how the data are learned from."""
    redraws: bool = True
    """What a model draws at random is drawn anew before each random batch."""

    @abstractmethod
    def __init__(self, model: Any, data: Any, config: Any, may_stop: Callable[[], None]):
        """Measure what the data determine."""

    @classmethod
    def accepts(cls, model: nn.Module, data: Any) -> bool:
        """Return whether the data are of this kind. InputError where they are and the model cannot learn from them."""
        if getattr(data, "kind", None) != cls.kind:
            return False
        if data.train is None:
            raise InputError("data must have a train split, got none")
        if getattr(model, "learns_from", None) != cls.kind:
            raise expected("model", f"{cls.models} for a {type(data).__name__}", type(model).__name__)
        cls._check(model, data)
        return True

    @classmethod
    @abstractmethod
    def _check(cls, model: Any, data: Any) -> None:
        """Raise InputError where the data do not fit the model."""

    @classmethod
    def configured(cls, config: Any, settings: dict[str, Any], data: Any, model: Any = None) -> Any:
        """Return all settings: `config`, single ones replaced by `settings`, and what the data say where both are open.

        InputError on a config of another kind, and on settings that there are not.
        """
        if config is not None and not isinstance(config, cls.settings):
            raise expected("config", f"a {cls.settings.__name__} for a {type(data).__name__}", type(config).__name__)
        found: Any = config or cls.settings()
        return changed(found, settings)

    def choose(self, model: Any) -> Any:
        """Return the model that the data need: `model`, or another one that `model` can adopt."""
        return model

    def state_dict(self) -> dict[str, int]:
        """Return what the stages have changed of the task, for a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:  # noqa: B027, most tasks have nothing to restore
        """Restore what `state_dict` gave."""

    @abstractmethod
    def stages(self, model: Any) -> list[Stage]:
        """Return the stages that lower the loss, in their order."""

    @abstractmethod
    def __len__(self) -> int:
        """Items that batches are drawn from."""

    @abstractmethod
    def sampled_loss(self, model: Any, generator: torch.Generator) -> Tensor:
        """Return the loss of a random batch."""

    @abstractmethod
    def fixed_loss(self, model: Any) -> Tensor:
        """Return the loss of a fixed set of training items, for stages that are deterministic."""

    def beside_baselines(self, model: Any, data: Any) -> dict:
        """Return the scores of the trained model beside those of baselines, as `History.baselines` holds them.

        It is empty for a kind of data that has no baselines.

        Args:
            model: the model, with its best weights.
            data: all splits, as the caller of `fit` gave them.
        """
        return {}

    @abstractmethod
    def score(self, model: Any) -> dict[str, float]:
        """Return `validation`, the loss that decides which weights are best, and what else the history is to say."""


def differing(own: dict[str, Tensor], other: dict[str, Tensor]) -> Iterable[tuple[str, float, float]]:
    """Yield names and values of the units that are not equal; a GPU rounds otherwise than a CPU."""
    for name, unit in other.items():
        here, there = own[name].item(), unit.item()
        if abs(here - there) > 1e-3 * max(abs(here), abs(there)):
            yield name, here, there
