"""Forecasts: rollouts of a learned Hamiltonian from initial states, in batches, written to disk while running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import torch

from lieham._support.progress import Progress, reporting
from lieham.data import TrajectoryWriter
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import InputError, expected
from lieham.groups import Group, Trivial
from lieham.integrate import Field, Integrator, make_integrator
from lieham.metrics import state_mse
from lieham.models import LieConvModel
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

CHUNK = 100
"""Output times that are held before they go to the file."""


@dataclass(frozen=True)
class Forecast:
    """A rollout and what it came from: `trajectory` (batch, steps + 1), `model`, `integrator`, `attributes`."""

    trajectory: Trajectory
    model: Hamiltonian
    integrator: Integrator
    attributes: dict

    @property
    def group(self) -> Group:
        """The symmetry that the model declares, the trivial one where it declares none."""
        return getattr(self.model, "group", None) or Trivial(self.trajectory.dim)

    def errors(self, truth: Float[Tensor, "batch time n d"] | Trajectory | PhaseState) -> Float[Tensor, "batch time"]:
        """Mean squared error over all bodies and all components of q and p, at each time.

        `truth` holds states at the forecast's own times. InputError when its shape differs.
        """
        if truth.q.shape != self.trajectory.q.shape:
            raise expected("truth", f"q of shape {tuple(self.trajectory.q.shape)}", tuple(truth.q.shape))
        return state_mse(self.trajectory.states(), PhaseState(truth.q, truth.p), self.trajectory.bodies.mask)


def forecast(
    model: Hamiltonian,
    initial: Trajectory,
    steps: int,
    *,
    dt: float | None = None,
    method: str | Integrator = "auto",
    batch: int = 256,
    out: str | Path | None = None,
    overwrite: bool = False,
    compile: bool = False,
    progress: Progress | None = None,
    **settings,
) -> Forecast:
    """Roll `model` out for `steps` output times from the first states of `initial`.

    Args:
        model: the Hamiltonian; the forecast runs in its dtype, on its device.
        initial: trajectories whose first states and bodies start the forecast; one without batch axis makes a
            batch of 1.
        steps: number of output times after the first.
        dt: time between outputs, negative for backwards; by default each trajectory's own first step.
        method: integrator; by default Yoshida-4, for H that is not separable Gauss-4. Both keep P and L to
            round-off, with 4 steps between outputs and compensated summation. `settings` (substeps, compensated,
            rtol, atol) replace the defaults.
        batch: systems integrated at a time.
        out: HDF5 file, written while running; with `overwrite` an old one may be replaced.
        compile: let torch.compile the force; half a minute at first, less for each step.
        progress: called as progress(done, total) in output times of all batches; by default a bar on a terminal.

    Raises InputError on settings that do not fit, FileError when `out` exists, IntegrationError when the state leaves
    the finite numbers.
    """
    for name, value in (("steps", steps), ("batch", batch)):
        if value < 1:
            raise expected(name, "at least 1", value)
    if method == "auto":
        method = "yoshida4" if isinstance(model, SeparableHamiltonian) else "gauss4"
    integrator = _integrator(method, settings)
    check_fits(model, initial)
    weight = next(model.parameters(), initial.q)
    start = _as_batch(initial).window(0, 1).to(weight.device, weight.dtype)
    times = _times(_as_batch(initial), steps, dt)
    attributes = {"method": integrator.name, "settings": str(integrator)}
    attributes["dtype"] = str(weight.dtype).removeprefix("torch.")
    began = time.perf_counter()
    writer = nullcontext() if out is None else TrajectoryWriter(out, times, start.bodies, attributes, overwrite)
    with writer as sink, torch.no_grad(), reporting(progress, "forecast") as shown:
        parts = []
        for first in range(0, len(start), batch):
            rows = slice(first, first + batch)
            report = _offset(shown, first // batch * steps, -(-len(start) // batch) * steps)
            field = _field(model, start[rows], compile)
            parts.append(_roll(integrator, field, start[rows], times[rows], rows, sink, report))
    states = PhaseState(*(torch.cat(x) for x in zip(*parts, strict=True)))
    attributes["seconds"] = time.perf_counter() - began
    trajectory = Trajectory(times.to(weight.device, weight.dtype), states.q, states.p, start.bodies)
    return Forecast(trajectory, model, integrator, attributes)


def check_fits(model: Hamiltonian, data: Trajectory) -> None:
    """Raise InputError when the bodies of `data` have other features, or live in another space, than the model's."""
    if isinstance(model, LieConvModel):
        features = data.bodies.features.shape[-1]
        if features != model.features:
            raise InputError(f"features of the model must be {features} like the data's, got {model.features}")
        if data.dim != model.group.space_dim:
            raise InputError(f"group must act on {data.dim} dimensions like the data, got {model.group}")


def _integrator(method: str | Integrator, settings: dict) -> Integrator:
    if isinstance(method, str):
        probe = make_integrator(method)
        fixed = {"substeps": 4, "compensated": True}
        settings = {k: v for k, v in fixed.items() if k in vars(probe)} | settings
    return make_integrator(method, **settings)


def _as_batch(initial: Trajectory) -> Trajectory:
    if initial.q.ndim == 4:
        if len(initial) == 0:
            raise InputError("initial must hold at least one trajectory, got none")
        return initial
    if initial.q.ndim != 3:
        raise InputError(f"initial must be one trajectory or a batch of them, got q of shape {tuple(initial.q.shape)}")
    bodies = initial.bodies.map(lambda x: x[None])
    return Trajectory(initial.times[None], initial.q[None], initial.p[None], bodies)


def _times(initial: Trajectory, steps: int, dt: float | None) -> Float[Tensor, "batch time"]:
    """t_0 + k dt in float64, on the CPU."""
    times = initial.times.to("cpu", torch.float64)
    if dt is None:
        if initial.n_steps == 0:
            raise InputError("dt must be given when the initial trajectories hold a single time, got None")
        width = times[:, 1:2] - times[:, :1]
    else:
        if not (isfinite(dt) and dt != 0):
            raise expected("dt", "a finite time step other than 0", dt)
        width = torch.full_like(times[:, :1], dt)
    return times[:, :1] + width * torch.arange(steps + 1, dtype=torch.float64)


def _field(model: Hamiltonian, start: Trajectory, compile: bool) -> Field:
    field = model.field(start.bodies)
    return field.compiled() if compile else field


def _roll(
    integrator: Integrator, field: Field, start: Trajectory, times: Tensor, rows: slice, sink, report
) -> PhaseState:
    """One batch along all times; every CHUNK outputs go to the file."""
    path: list[PhaseState] = []
    states: Iterator[PhaseState] = integrator.stream(field, start.state(0), times)
    for k, state in enumerate(states):
        path.append(state)
        report(k)
        if sink is not None and (len(path) % CHUNK == 0 or k == times.shape[-1] - 1):
            first = (len(path) - 1) // CHUNK * CHUNK
            sink.write(rows, first, PhaseState(*(torch.stack(x, 1) for x in zip(*path[first:], strict=True))))
    return PhaseState(*(torch.stack(x, 1) for x in zip(*path, strict=True)))


def _offset(progress: Progress, before: int, total: int) -> Progress:
    def report(k: int) -> None:
        if k:
            progress(before + k, total)

    return report
