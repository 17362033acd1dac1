"""Integrators: states along a grid of times.

Splitting methods and RKN-4 are written here, Runge-Kutta methods come from torchdiffeq; all stand behind the
one contract of `Integrator`, and `INTEGRATORS` has them by name. Importing this package puts the Gauss methods among
those of torchdiffeq too.
"""

from lieham.integrate.base import Field, Integrator, Progress, SeparableField
from lieham.integrate.compensated import CompensatedState
from lieham.integrate.fixed import FixedStep
from lieham.integrate.nystrom import RKN4
from lieham.integrate.registry import INTEGRATORS, integrate, make_integrator
from lieham.integrate.splitting import Leapfrog, Splitting, Yoshida4, Yoshida6
from lieham.integrate.torchdiffeq_adapter import TorchDiffEq
from lieham.integrate.torchdiffeq_solvers import register

register()

__all__ = [
    "INTEGRATORS",
    "RKN4",
    "CompensatedState",
    "Field",
    "FixedStep",
    "Integrator",
    "Leapfrog",
    "Progress",
    "SeparableField",
    "Splitting",
    "TorchDiffEq",
    "Yoshida4",
    "Yoshida6",
    "integrate",
    "make_integrator",
]
