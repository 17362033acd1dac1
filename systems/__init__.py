"""Laws to generate trajectories from. A law is one file and one line here."""

from systems.base import System
from systems.bending import Bending
from systems.charges import ChargedParticles, Coulomb
from systems.fields import FallingSprings, MagneticSprings
from systems.gravity import Gravity
from systems.lennard_jones import LennardJones
from systems.morse import Morse
from systems.pendulum import DoubleSpringPendulum
from systems.planets import Planets
from systems.springs import Springs
from systems.yukawa import Yukawa

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
