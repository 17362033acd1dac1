"""The scores of a model: windows of 5 points, rollouts, drift; against the benchmark's own truth and the exact one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.engine.figures import summary
from benchmarks.engine.rollouts import drift, long_run, one_step, roll
from lieham.metrics import state_mse
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems import System
from systems.baselines import constant_state, exact, free_flight, mean_features

BATCH = 500
"""Windows integrated at a time."""

CURVE = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 99, 150, 200, 300, 400, 499)
"""Steps of the curve of rollout errors."""

UNTRAINED_BASELINES: dict[str, Callable[[Trajectory, System], PhaseState]] = {
    "constant state": lambda x, law: constant_state(x),
    "free flight": lambda x, law: free_flight(x),
    "mean features": mean_features,
    "exact solution": exact,
}
"""Baselines that need no training."""


@dataclass(frozen=True)
class Trial:
    """The data that a law is scored on: windows with the truth of the benchmark, and systems that no split contains."""

    law: System
    windows: Trajectory
    unseen: Trajectory
    horizons: tuple[int, ...]
    substeps: int = 1

    @classmethod
    def of(cls, law: System, windows: Trajectory, unseen: int, horizons: tuple[int, ...], substeps: int = 1) -> Trial:
        """With `unseen` systems along the law's grid as far as the last horizon."""
        return cls(law, windows, law.unseen(unseen, max(horizons)), horizons, substeps)


def window_errors(
    model: nn.Module, windows: Trajectory, substeps: int, truths: dict[str, PhaseState]
) -> dict[str, Float[Tensor, " windows"]]:
    """Return the mean squared error of each window over its points (the first is given), for each truth."""
    found: dict[str, list[Tensor]] = {name: [] for name in truths}
    for first in range(0, len(windows), BATCH):
        rows = slice(first, first + BATCH)
        part = windows[rows]
        path = roll(model, part, one_step(model.field(part.bodies), substeps))
        for name, truth in truths.items():
            found[name].append(_window_mse(path, PhaseState(truth.q[rows], truth.p[rows]), part))
    return {name: torch.cat(x) for name, x in found.items()}


def score(model: nn.Module, trial: Trial) -> dict:
    """Return every figure of a trained model."""
    x = trial.windows
    errors = window_errors(model, x, trial.substeps, {"": x.states(), "exact_": exact(x, trial.law)})
    integrator = long_run(model.field(trial.unseen.bodies))
    path = roll(model, trial.unseen, integrator)
    rollout = state_mse(path, trial.unseen.states(), trial.unseen.bodies.mask)
    found = {k: v for name, e in errors.items() for k, v in _named(name, e).items()}
    return found | _rollout(rollout, trial) | {"drift": drift(model, trial.law, path, trial.unseen, integrator)}


def score_untrained(name: str, trial: Trial) -> dict:
    """Return the same figures but drift for a baseline that needs no training."""
    (x, far), law = (trial.windows, trial.unseen), trial.law
    path, rollout = UNTRAINED_BASELINES[name](x, law), UNTRAINED_BASELINES[name](far, law)
    errors = {"": _window_mse(path, x.states(), x), "exact_": _window_mse(path, exact(x, law), x)}
    found = {k: v for truth, e in errors.items() for k, v in _named(truth, e).items()}
    return found | _rollout(state_mse(rollout, far.states(), far.bodies.mask), trial)


def _window_mse(path: PhaseState, truth: PhaseState, x: Trajectory) -> Float[Tensor, " windows"]:
    return state_mse(path, truth, x.bodies.mask).mean(-1)


def _named(truth: str, errors: Tensor) -> dict:
    return {f"mse_5step_{truth}{name}": value for name, value in summary(errors).items()}


def _rollout(errors: Float[Tensor, "systems time"], trial: Trial) -> dict:
    at = {str(k): summary(errors[:, k]) for k in trial.horizons}
    steps = [k for k in CURVE if k < errors.shape[1]]
    curve = [summary(errors[:, k]) for k in steps]
    return {
        "mse_rollout": {k: x["mean"] for k, x in at.items()},
        "mse_rollout_median": {k: x["median"] for k, x in at.items()},
        "diverged": {k: x["diverged"] for k, x in at.items()},
        "curve": {"step": steps} | {name: [x[name] for x in curve] for name in ("q25", "median", "q75")},
    }
