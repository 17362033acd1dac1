"""The base of the stages that solve for coefficients: one step, undone where it does not help or is interrupted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy

import torch
from torch import nn

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import IntegrationError
from lieham.losses.shooting import ShootingLoss
from lieham.optim.stage import Loss, Stage
from lieham.state import Trajectory
from lieham.typing import Tensor

MOST_ROWS = 40_000
"""About how many equations are taken; of more windows some are taken, evenly spaced."""


def tell_forces(windows: Trajectory) -> bool:
    """Return True where windows tell what forces act: they have steps to compare, or the forces are known."""
    return windows.n_steps > 1 or windows.forces is not None


def never() -> None:
    """Nobody asks the stage to stop."""


class CoefficientStage(Stage):
    """One step that solves for the coefficients θ of the model's dictionary.

    It has nothing to do, and `total` is 0, for a model without a dictionary and for windows of one point. The model's
    own weights are given back after the step; `model` is a copy that has the solution, where that lowers the loss.

    Args:
        model: the model whose coefficients are sought.
        all_windows: the windows over which the loss is taken.
        loss: the loss, with its units measured.
        may_stop: called before every evaluation of the loss; it raises Interrupted when somebody asked for that.
        notes: what the history is to say of the stage.
    """

    every = 1

    def __init__(
        self,
        model: Hamiltonian,
        all_windows: Trajectory,
        loss: ShootingLoss,
        may_stop: Callable[[], None] = never,
        notes: Mapping[str, str] | None = None,
    ):
        self._model, self._all, self.loss, self._may_stop = model, all_windows, loss, may_stop
        self._solved: nn.Module = model
        self.dictionary, self.notes = model.dictionary(), notes or {}
        self.total = int(self.dictionary is not None and tell_forces(all_windows))
        self.windows = all_windows

    def step(self, loss: Loss) -> float:
        before, old = value_of(loss), {name: x.clone() for name, x in self._model.state_dict().items()}
        try:
            if self._solve(self._own):
                self._solved = deepcopy(self._model)
        finally:  # an interrupted step is undone too
            self._model.load_state_dict(old)
        return before

    def _own(self) -> Tensor:
        """Return the loss of the windows that are taken."""
        self._may_stop()
        return self.loss(self._model, self.windows)

    @abstractmethod
    def _solve(self, loss: Loss) -> bool:
        """Write the solution into the model and return whether it lowers the loss."""

    @property
    def model(self) -> nn.Module:
        return self._solved

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Restore nothing: the stage is one step, and begins from the data alone."""


@torch.no_grad()
def value_of(loss: Loss) -> float:
    """Return the loss, which is infinite where the flow diverges."""
    try:
        return loss().nan_to_num(torch.inf).item()
    except IntegrationError:
        return torch.inf
