"""This module recognises trajectories that velocity Verlet made and stored at each of its steps."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solveh_banded

from lieham.state import Trajectory
from lieham.typing import Float, Tensor

EXACT = 1e-6
"""Momenta are central differences of positions where they differ by less than this share of a step's acceleration,"""
ROUND_OFF = 16.0
"""or by less than so many times the round-off of the positions."""
EVEN = 1e-6
"""Relative spread of the steps up to which times count as even."""
COARSE = 0.01
"""Round-off above this share of a step's acceleration hides what is looked for."""


def verlet_steps(x: Trajectory) -> bool:
    """Return True where the points are steps of velocity Verlet, as molecular dynamics programs store them.

    A step is q_{k+1} = q_k + h v_k + h²F_k/2m, p_{k+1} = p_k + h (F_k + F_{k+1})/2, so that q_{k+1} − q_{k−1} = 2h v_k
    holds to round-off. Along an exact flow it fails by h³ q⃛/3. Such points are not on the flow of K + V but differ from
    it by (hω)²/12, so a law that is learned from their path misses the true one by as much; the forces at the points
    are exact (Hairer, Lubich, Wanner, Geometric Numerical Integration, section I.1.4).

    Args:
        x: trajectories, (k, time, n, d), with even times.

    Example:
        >>> import systems
        >>> from lieham.data.stepping import verlet_steps
        >>> verlet_steps(systems.Springs(3).generate(2, 0, 0, points=20).train)
        False
    """
    h = x.times.diff(dim=-1)
    if x.times.shape[-1] < 4 or not bool((h.amax(1) - h.amin(1) <= EVEN * h.amax(1)).all()):
        return False
    real = x.bodies.mask[:, None, :, None].double()
    q, v = x.q.double(), x.p.double() / x.bodies.mass.double()[:, None, :, None]
    missed = (q[:, 2:] - q[:, :-2] - 2 * h.double().mean(1)[:, None, None, None] * v[:, 1:-1]) * real
    bent = (q.diff(n=2, dim=1) * real).square().mean().sqrt()
    if not bool(bent > 0):
        return False
    noise = torch.finfo(x.q.dtype).eps * (q.abs() * real).amax() / bent
    return bool(noise < COARSE) and bool(missed.square().mean().sqrt() / bent <= max(EXACT, ROUND_OFF * float(noise)))


def verlet_forces(x: Trajectory) -> Float[Tensor, "k time n d"]:
    """Return the forces at the points of trajectories of velocity Verlet, by least squares.

    Each step gives q_{k+1} − q_k − h v_k = h²F_k/2m and p_{k+1} − p_k = h (F_k + F_{k+1})/2, to the round-off of
    positions and of momenta, and the forces that fit all of them best, each weighed by its round-off, are found along
    each trajectory. The former alone would tell the forces, but of a file in single precision with few digits; the
    latter tell their means with more.

    Args:
        x: trajectories, (k, time, n, d), of which `verlet_steps` is True.

    Example:
        >>> import torch, lieham, systems
        >>> from lieham.integrate import make_integrator
        >>> law = systems.Springs(3)
        >>> state, bodies = law.sample(2, torch.Generator().manual_seed(0))
        >>> times, field = 0.1 * torch.arange(6.0).double().expand(2, 6), law.hamiltonian().field(bodies)
        >>> path = make_integrator("verlet").integrate(field, state, times)
        >>> found = verlet_forces(lieham.Trajectory.of(times, path.q, path.p, bodies))
        >>> true = law.hamiltonian().field(bodies.over_time()).force(times[:, 0], path.q)
        >>> bool((found - true).abs().max() < 1e-10)
        True
    """
    h = float(x.times.diff(dim=-1).double().mean())
    q, p = (y.double() for y in x.states())
    mass = x.bodies.mass.double()[:, None, :, None]
    real = x.bodies.mask[:, None, :, None].double()
    eps = torch.finfo(x.q.dtype).eps
    rounded = [eps * float((y.abs() * real).amax().clamp(min=1e-300)) for y in (q, p)]
    late = (q.diff(dim=1) - h * p[:, :-1] / mass) * (2 * mass / h**2)
    mean = p.diff(dim=1) / h
    # Weights of the two kinds of equations, for a body of unit force: one over the square of their errors in F.
    first = (h**2 / (2 * mass * rounded[0])) ** 2
    second = torch.full_like(first, (h / rounded[1]) ** 2)
    total = first + second
    first, second = first / total, second / total
    right = torch.zeros_like(q)
    right[:, :-1] += first * late + second * mean / 2
    right[:, 1:] += second * mean / 2
    forces = np.empty(tuple(q.shape))
    for trajectory, body in x.bodies.mask.nonzero().tolist():
        a, b = float(first[trajectory, 0, body, 0]), float(second[trajectory, 0, body, 0])
        steps = q.shape[1] - 1
        diagonal = np.full(steps + 1, a + b / 2)
        diagonal[0], diagonal[-1] = a + b / 4, b / 4
        beside = np.full(steps + 1, b / 4)
        found = solveh_banded(np.stack([beside, diagonal]), right[trajectory, :, body].cpu().numpy())
        forces[trajectory, :, body] = found
    return torch.where(real > 0, torch.from_numpy(forces).to(q), torch.zeros_like(q)).to(x.q.dtype)
