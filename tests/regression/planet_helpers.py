"""Light planets beside a star, all pushed from outside, and how well a regression alone forecasts them."""

from __future__ import annotations

from functools import cache
from math import pi

import torch

import lieham
from lieham.data import Windows
from lieham.integrate import integrate
from lieham.losses import ShootingLoss
from lieham.regression import RidgeStage
from lieham.state import Bodies, PhaseState, Trajectory
from systems import Gravity
from systems.baselines import free_flight

G, PUSH = 2.9591220828559093e-4, 1e-8
"""Newton's constant in AU³/(M d²), M being the mass of the Sun, and an acceleration in AU/d²."""


@cache
def planets(push: float = PUSH, count: int = 8, days: int = 40) -> Trajectory:
    """A star of mass 1 and planets of 1e-6 and 2e-6 on nearly circular orbits, all pushed along x.

    The distances of the last two lie between those of the others, for no law is told beyond them.
    """
    generator = torch.Generator().manual_seed(0)
    mass = torch.tensor([1.0, 1e-6, 2e-6], dtype=torch.float64).expand(count, 3)
    q, v = torch.zeros(2, count, 3, 3, dtype=torch.float64)
    for i, length in ((1, 0.7), (2, 1.2)):
        turn, fast, tilt = torch.rand(3, count, generator=generator, dtype=torch.float64)
        far = torch.cat([torch.linspace(0.85, 1.15, count - 2), torch.tensor([0.97, 1.03])]).double()
        angle, a = 2 * pi * turn, length * far
        speed, height = (G / a).sqrt() * (0.97 + 0.06 * fast), 0.06 * (tilt - 0.5)
        q[:, i] = torch.stack([a * angle.cos(), a * angle.sin(), height], -1)
        v[:, i] = torch.stack([-speed * angle.sin(), speed * angle.cos(), 0 * a], -1)
    share = (mass / mass.sum(1, keepdim=True))[..., None]
    start = PhaseState(q - (share * q).sum(1, keepdim=True), mass[..., None] * (v - (share * v).sum(1, keepdim=True)))
    bodies, times = Bodies.of(mass), torch.arange(days + 1, dtype=torch.float64)
    law = Gravity(3, 3, G=G, softening=1e-6)
    path = integrate(law.field(bodies), start, times, "gauss6", substeps=2)
    a, t = torch.tensor([push, 0.0, 0.0], dtype=torch.float64), times[:, None, None]
    return Trajectory.of(times, path.q + a * t**2 / 2, path.p + mass[:, None, :, None] * a * t, bodies)


@cache
def shares_of_free_flight(closed: bool, sized: bool, push: float = PUSH) -> list[float]:
    """Forecast errors of both planets after 20 days on new trajectories, in units of those of free flight."""
    x = planets(push)
    windows = Windows(x[:6], 5).all()
    loss = ShootingLoss(1, "rkn4", 0).double()
    loss.calibrate(windows)
    loss.closed = closed
    if not sized:
        windows = Trajectory(windows.times, windows.q, windows.p, windows.bodies)
    model = lieham.HLieConv("SE(3)")
    model.calibrate(windows)
    stage = RidgeStage(model, windows, loss)
    stage.step(lambda: loss(stage.model, windows))
    test = x[6:]
    path = lieham.forecast(stage.model, test.window(0, 2), steps=20, dt=1.0).trajectory
    errors = ((y[:, 20] - test.q[:, 20]).norm(dim=-1).mean(0)[1:] for y in (path.q, free_flight(test.window(0, 21)).q))
    learned, free = errors
    return (learned / free).tolist()
