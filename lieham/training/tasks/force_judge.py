"""Baselines of forces: none at all, and a mean force."""

from __future__ import annotations

import torch

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.forces import ForceLoss
from lieham.state import Trajectory
from lieham.training.baselines import MeanForce, Score, summed_up


class ForceJudge:
    """A judge that scores forces at points, in units of the loss, in which no force has about 1.

    Args:
        loss: the loss, with its units measured.
        training: windows of training, on which the mean force is measured.
    """

    def __init__(self, loss: ForceLoss, training: Trajectory):
        self.loss, self.mean = loss, MeanForce.measured(training, loss.scales(training).p)

    @torch.no_grad()
    def scores(self, model: Hamiltonian, windows: Trajectory) -> dict[str, Score]:
        """Return the score of the model, under the name `model`, and those of free flight and of the mean force."""
        assert windows.forces is not None, "the loss compares forces"
        scale = self.loss.scales(windows).p
        left = {
            "model": self.loss.left(model, windows),
            "free flight": windows.forces / scale,
            "mean force": (windows.forces - self.mean.forces(windows)) / scale,
        }
        each = {name: x.square().mean((1, 3))[windows.bodies.mask] for name, x in left.items()}
        return {name: summed_up(x, x.mean()) for name, x in each.items()}
