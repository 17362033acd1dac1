"""This module recognises trajectories that velocity Verlet made and stored at each of its steps."""

from __future__ import annotations

import torch

from lieham.state import Trajectory

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
