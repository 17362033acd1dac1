"""Baselines that a model must beat: a constant state, free flight, equal bodies; and the exact solution."""

from __future__ import annotations

from dataclasses import replace

import torch

from lieham.metrics import state_mse
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems.laws.base import System


def constant_state(x: Trajectory) -> PhaseState:
    """Return the prediction that every system stays where it is."""
    return PhaseState(*(z[..., :1, :, :].expand_as(z) for z in (x.q, x.p)))


def free_flight(x: Trajectory) -> PhaseState:
    """Return the prediction q₀ + t p₀/m, p₀, which says that no force acts."""
    t = (x.times - x.times[..., :1])[..., None, None].to(x.q.dtype)
    p = x.p[..., :1, :, :].expand_as(x.p)
    return PhaseState(x.q[..., :1, :, :] + t * p / x.bodies.mass[..., None, :, None], p)


def exact(x: Trajectory, system: System) -> PhaseState:
    """Return the law's own reference solution from the first state."""
    return system.solve(x.state(0), x.bodies, x.times)


def mean_features(x: Trajectory, system: System) -> PhaseState:
    """Return the law's own solution, but every body has the mean feature (springs: the same k)."""
    mean = x.bodies.features[x.bodies.mask].mean(0).expand_as(x.bodies.features)
    return system.solve(x.state(0), replace(x.bodies, features=mean), x.times)


def baselines(x: Trajectory, system: System) -> dict[str, Float[Tensor, "*batch"]]:
    """Return the mean squared error of every baseline on every window.

    Args:
        x: windows of the law, with q and p of shape (k, time, n, d); the first point is given.
        system: the law.

    Returns:
        Errors (k,), means over points, bodies and components, by the name of the baseline.
    """
    states = {"constant state": constant_state(x), "free flight": free_flight(x)}
    if x.bodies.features.shape[-1]:
        states["mean features"] = mean_features(x, system)
    states["exact solution"] = exact(x, system)
    return {name: window_mse(path, x) for name, path in states.items()}


def window_mse(path: PhaseState, truth: Trajectory) -> Float[Tensor, "*batch"]:
    """Return the mean squared error of each window, which for 5 points is the published 5-step score."""
    with torch.no_grad():
        return state_mse(path, truth.states(), truth.bodies.mask).mean(-1)
