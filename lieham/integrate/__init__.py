"""Integrators move a state along a grid of times.

Splitting methods, RKN-4 and the Gauss methods are written here, and explicit Runge-Kutta methods come from torchdiffeq.
All of them obey the contract `Integrator`, and `INTEGRATORS` holds them by name. `register` offers the Gauss methods to
callers of `torchdiffeq.odeint`; importing this package changes nothing in torchdiffeq.
"""

from lieham.integrate.base import Field, Integrator, Progress, SeparableField
from lieham.integrate.compensated import CompensatedState
from lieham.integrate.fixed import FixedStep
from lieham.integrate.nystrom import RKN4
from lieham.integrate.registry import INTEGRATORS, integrate, make_integrator
from lieham.integrate.splitting import Leapfrog, Splitting, Yoshida4, Yoshida6
from lieham.integrate.torchdiffeq_adapter import TorchDiffEq
from lieham.integrate.torchdiffeq_solvers import register

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
    "register",
]
