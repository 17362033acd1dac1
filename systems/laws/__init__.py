"""Laws to generate trajectories from. A new law is one file, one line here, and its name in `systems.names`."""

from systems.laws.base import System
from systems.laws.bending import Bending
from systems.laws.charges import ChargedParticles, Coulomb
from systems.laws.fields import FallingSprings, MagneticSprings
from systems.laws.gravity import Gravity
from systems.laws.lennard_jones import LennardJones
from systems.laws.morse import Morse
from systems.laws.pendulum import DoubleSpringPendulum
from systems.laws.planets import Planets
from systems.laws.springs import Springs
from systems.laws.yukawa import Yukawa

_LAWS = (
    *(Springs, Gravity, Planets, Coulomb, ChargedParticles, Yukawa, LennardJones, Morse, Bending),
    *(DoubleSpringPendulum, FallingSprings, MagneticSprings),
)
SYSTEMS: dict[str, type[System]] = {x.name: x for x in _LAWS}
"""Every law by its name."""

__all__ = [
    "SYSTEMS",
    "Bending",
    "ChargedParticles",
    "Coulomb",
    "DoubleSpringPendulum",
    "FallingSprings",
    "Gravity",
    "LennardJones",
    "MagneticSprings",
    "Morse",
    "Planets",
    "Springs",
    "System",
    "Yukawa",
]
