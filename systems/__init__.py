"""Laws to generate trajectories from. A law is one file and one line here."""

from systems.base import System
from systems.bending import Bending
from systems.fields import FallingSprings, MagneticSprings
from systems.gravity import Gravity
from systems.springs import Springs

SYSTEMS: dict[str, type[System]] = {x.name: x for x in (Springs, Gravity, Bending, FallingSprings, MagneticSprings)}
"""Every law by its name."""

__all__ = ["SYSTEMS", "Bending", "FallingSprings", "Gravity", "MagneticSprings", "Springs", "System"]
