"""Laws to generate trajectories from. A law is one file and one line here."""

from systems.base import System
from systems.gravity import Gravity
from systems.springs import Springs

SYSTEMS: dict[str, type[System]] = {"springs": Springs, "gravity": Gravity}
"""Every law by its name."""

__all__ = ["SYSTEMS", "Gravity", "Springs", "System"]
