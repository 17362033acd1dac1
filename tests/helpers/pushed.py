"""Trajectories that an outside push accelerates alike."""

from __future__ import annotations

from dataclasses import replace

import torch

import lieham
from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState, Trajectory


def in_a_field(x: Trajectory, g: tuple[float, ...]) -> Trajectory:
    """The same motion in a uniform field: exact for laws among the bodies, by the equivalence principle."""
    a = torch.tensor(g, dtype=torch.float64)
    t = (x.times - x.times[:, :1])[..., None, None].double()
    return replace(x, q=x.q + a * t**2 / 2, p=x.p + x.bodies.mass[:, None, :, None] * a * t)


def driven(x: Trajectory, size: float, omega: float = 3.0) -> Trajectory:
    """The same motion with the acceleration `size` cos(ωt) of all bodies along the first axis."""
    t = (x.times - x.times[:, :1])[..., None, None].double()
    axis = torch.eye(x.dim, dtype=torch.float64)[0]
    v, s = size * torch.sin(omega * t) / omega, size * (1 - torch.cos(omega * t)) / omega**2
    return replace(x, q=x.q + axis * s, p=x.p + x.bodies.mass[:, None, :, None] * axis * v)


def line(count: int = 10, points: int = 30) -> Trajectory:
    """Three bodies on a line, each pair joined by a spring."""
    generator = torch.Generator().manual_seed(0)
    q, p = torch.randn(2, count, 3, 1, generator=generator, dtype=torch.float64)
    bodies = Bodies.of(0.5 + torch.rand(count, 3, generator=generator, dtype=torch.float64))
    springs = lieham.SeparableHamiltonian(lambda q, bodies: 0.25 * (q - q.mT).square().sum((-1, -2)))
    times = 0.1 * torch.arange(points, dtype=torch.float64)
    path = integrate(springs.field(bodies), PhaseState(q, 0.3 * p), times, "gauss6", substeps=4)
    return Trajectory.of(times, path.q, path.p, bodies)
