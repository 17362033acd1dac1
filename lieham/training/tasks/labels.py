"""The forces that are known at the points of trajectories: those of the file, or those that Verlet's steps tell."""

from __future__ import annotations

from typing import NamedTuple

from lieham._support.progress import announce
from lieham.data.stepping import verlet_forces, verlet_steps
from lieham.dynamics import Hamiltonian
from lieham.errors import InputError
from lieham.state import Trajectory
from lieham.training.config import TrainConfig


class Labels(NamedTuple):
    """What gives the forces at the points.

    Args:
        used: True where forces at the points are learned from, and nothing else.
        stepped: True where they follow from the steps.
    """

    used: bool
    stepped: bool = False

    @classmethod
    def of(cls, model: Hamiltonian, data: Trajectory, config: TrainConfig, other: bool) -> Labels:
        """Return whether a model learns from forces, and from which.

        Args:
            model: the model.
            data: the trajectories of training.
            config: the settings of training.
            other: True where the motion is to be seen otherwise, without noise or without what pushes it as a whole.

        Raises:
            InputError: if the file holds forces, and the model's are not functions of positions alone.
        """
        if data.forces is not None:
            if not model.separable:
                raise InputError(
                    f"forces must be learned by a model with H = K(p) + V(q), got a {type(model).__name__}: leave the "
                    "array forces out, so that it learns from the motion"
                )
            return cls(True)
        asked = config.method in ("auto", "verlet") and config.segment == 1 and config.substeps < 2
        if other or not (asked and model.separable and verlet_steps(data)):
            return cls(False)
        announce("the points are steps of velocity Verlet, so the forces at the points are known and learned from")
        return cls(True, True)

    def __call__(self, x: Trajectory) -> Trajectory:
        """Return trajectories with their forces."""
        return x.with_labels(verlet_forces(x)) if self.stepped and x.forces is None else x
