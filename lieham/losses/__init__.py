"""Losses: training minimises the distance of integrated windows from observed ones."""

from lieham.losses.forces import ForceLoss
from lieham.losses.free_states import FreeStatesLoss
from lieham.losses.shooting import ShootingLoss

__all__ = ["ForceLoss", "FreeStatesLoss", "ShootingLoss"]
