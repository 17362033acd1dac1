"""Rollouts of untrained models, and the charges that each dimension has."""

from __future__ import annotations

from lieham.forecasting import Forecast, forecast
from lieham.models import HLieConv
from lieham.state import Trajectory
from systems import Springs

STEPS = 10
PLANE = ["P_x", "P_y", "L", "L_cm", "K_x", "K_y", "H"]


def initial(dim: int = 2, n: int = 3) -> Trajectory:
    """Systems that are neither centred nor at rest, so that nothing is conserved by accident."""
    start = Springs(3, dim).generate(n, 0, 0, points=4).train
    return Trajectory.of(start.times, start.q + 0.7, start.p + 0.3, start.bodies)


def rollout(group: str, method: str = "yoshida4", steps: int = STEPS, dt: float = 0.05, **settings) -> Forecast:
    dim = 3 if "3" in group else 2
    model = HLieConv(group, 1, width=8)
    model.calibrate(initial(dim))
    return forecast(model, initial(dim), steps, dt=dt, method=method, **settings)
