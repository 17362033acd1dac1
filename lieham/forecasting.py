"""Forecasts follow a learned Hamiltonian from initial states, in batches, and are written to disk while they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from lieham._support.progress import Progress, reporting
from lieham.data import TrajectoryWriter
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.trained_range import warn_outside
from lieham.errors import InputError, expected
from lieham.groups import Group, Trivial
from lieham.integrate import Integrator, make_integrator
from lieham.metrics import state_mse
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

CHUNK = 100
"""This number of output times is held in memory before they are written to the file."""

Write = Callable[[int, PhaseState], None]
"""`write(first, states)` is called with the index of the first of the output times that are written."""


@dataclass(frozen=True)
class Forecast:
    """A forecast is a rollout and what it came from; `lieham.forecast` makes it, or a user from a path of their own.

    Args:
        trajectory: states at the output times, (batch, steps + 1, n, d), and the bodies.
        model: the Hamiltonian whose flow it is.
        integrator: the method that followed the flow.
        attributes: the settings by name, such as `method` and `dtype`, and the `seconds` that it took.
        warnings: sentences on what lies outside the range of the model's training.

    Example:
        >>> import lieham, systems
        >>> from lieham.integrate import make_integrator
        >>> truth = systems.Springs(3).generate(2, 0, 0, points=4).train
        >>> own = lieham.Forecast(truth, systems.Springs(3).hamiltonian(), make_integrator("yoshida4"), {})
        >>> own.errors(truth).max().item(), own.group
        (0.0, Trivial(2))
    """

    trajectory: Trajectory
    model: Hamiltonian
    integrator: Integrator
    attributes: dict[str, str | float]
    warnings: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        """The group is the symmetry that the model declares, or the trivial one if it declares none."""
        return self.model.group or Trivial(self.trajectory.dim)

    def errors(self, truth: Trajectory | PhaseState) -> Float[Tensor, "batch time"]:
        """Return the mean squared error over all bodies and all components of q and p, at each time.

        Args:
            truth: states (batch, time, n, d) at the forecast's own times.

        Returns:
            One error a system and time.

        Raises:
            InputError: if the shape of the truth is not that of the forecast.
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
    **settings: Any,
) -> Forecast:
    """Integrate the motion of `model` for `steps` output times from the first states of `initial`.

    Args:
        model: the Hamiltonian; the forecast runs in its dtype, on its device.
        initial: trajectories whose first states and bodies start the forecast; one without batch axis makes a
            batch of 1.
        steps: number of output times after the first.
        dt: time between outputs, negative for backwards; by default each trajectory's own first step.
        method: the integrator; by default Yoshida-4 for a separable H, else Gauss-4. Both keep P and L to round-off.
        batch: number of systems that are integrated at a time.
        out: HDF5 file, written while running.
        overwrite: whether an old file may be replaced.
        compile: whether torch.compile compiles the force, which takes half a minute once and saves time in each step.
        progress: called as progress(done, total) in output times of all batches; by default a bar on a terminal.
        settings: those of the method (substeps, compensated, rtol, atol); by default it takes 4 steps between outputs
            and sums with compensation, where it can.

    Returns:
        The rollout with its model and integrator.

    Warns:
        LiehamWarning: where bodies or motions lie outside the range of training; `Forecast.warnings` has the sentences.

    Raises:
        InputError: if the settings or the initial states do not fit the model.
        FileError: if `out` exists and `overwrite` is False.
        IntegrationError: if the state leaves the finite numbers.

    Example:
        >>> import lieham, systems
        >>> start = systems.Springs(3).generate(2, 0, 0, points=2).train
        >>> rollout = lieham.forecast(lieham.HLieConv("SE(2)", 1, width=8), start, steps=5, dt=0.1)
        >>> rollout.trajectory.q.shape, rollout.attributes["method"]
        (torch.Size([2, 6, 3, 2]), 'yoshida4')
    """
    _check_positive(steps=steps, batch=batch)
    integrator = _integrator(model, method, settings)
    model.check(initial)
    weight, whole, began = next(model.parameters(), initial.q), _as_batch(initial), time.perf_counter()
    start, times = whole.window(0, 1).to(weight.device, weight.dtype), _times(whole, steps, dt)
    known = model.trained_range()
    dtype = str(weight.dtype).removeprefix("torch.")
    attributes: dict[str, str | float] = {"method": integrator.name, "settings": str(integrator), "dtype": dtype}
    writer = nullcontext() if out is None else TrajectoryWriter(out, times, start.bodies, attributes, overwrite)
    with writer as sink, torch.no_grad(), reporting(progress, "forecast") as shown:
        said = warn_outside(known, start, model.group)
        path = _in_batches(_Flow(model, integrator, compile), start, times, batch, sink, shown)
    attributes["seconds"] = time.perf_counter() - began
    trajectory = Trajectory(times.to(weight.device, weight.dtype), path.q, path.p, start.bodies)
    warned = warn_outside(known, trajectory, model.group, said)
    return Forecast(trajectory, model, integrator, attributes, warned)


@dataclass(frozen=True)
class _Flow:
    """A flow integrates one batch after the other; it holds a model, a method, and whether the force is compiled."""

    model: Hamiltonian
    integrator: Integrator
    compile: bool

    def __call__(self, start: Trajectory, times: Tensor) -> Iterator[PhaseState]:
        """Return the states (batch, n, d) at one time after the other."""
        field = self.model.field(start.bodies)
        return self.integrator.stream(field.compiled() if self.compile else field, start.state(0), times)


def _in_batches(
    flow: _Flow, start: Trajectory, times: Tensor, batch: int, sink: TrajectoryWriter | None, shown: Progress
) -> PhaseState:
    """Return the states of all systems, `batch` of them integrated at a time, (systems, time, n, d)."""
    parts, steps = [], times.shape[-1] - 1
    for first in range(0, len(start), batch):
        rows = slice(first, first + batch)
        report = _offset(shown, first // batch * steps, -(-len(start) // batch) * steps)
        write = None if sink is None else partial(sink.write, rows)
        parts.append(_collect(flow(start[rows], times[rows]), steps, write, report))
    return PhaseState(*(torch.cat(x) for x in zip(*parts, strict=True)))


def _check_positive(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise expected(name, "at least 1", value)


def _integrator(model: Hamiltonian, method: str | Integrator, settings: dict) -> Integrator:
    """Return the method with its settings, by default one that suits the model; a named one is made accurate."""
    if method == "auto":
        method = "yoshida4" if model.separable else "gauss4"
    if isinstance(method, str):
        probe = make_integrator(method)
        fixed = {"substeps": 4, "compensated": True}
        settings = {k: v for k, v in fixed.items() if k in vars(probe)} | settings
    return make_integrator(method, **settings)


def _as_batch(initial: Trajectory) -> Trajectory:
    """Return the trajectories with a batch axis; raise InputError for none and for more than one such axis."""
    if initial.q.ndim == 4:
        if len(initial) == 0:
            raise InputError("initial must hold at least one trajectory, got none")
        return initial
    if initial.q.ndim != 3:
        raise InputError(f"initial must be one trajectory or a batch of them, got q of shape {tuple(initial.q.shape)}")
    bodies = initial.bodies.map(lambda x: x[None])
    return Trajectory(initial.times[None], initial.q[None], initial.p[None], bodies)


def _times(initial: Trajectory, steps: int, dt: float | None) -> Float[Tensor, "batch time"]:
    """Return the output times t_0 + k dt of each system, in float64 on the CPU."""
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


def _collect(
    states: Iterator[PhaseState], steps: int, write: Write | None, report: Callable[[int], None]
) -> PhaseState:
    """Return the states of one batch, (batch, steps + 1, n, d); write every CHUNK of them to the file as they come."""
    path: list[PhaseState] = []
    for k, state in enumerate(states):
        path.append(state)
        report(k)
        if write is not None and (len(path) % CHUNK == 0 or k == steps):
            first = (len(path) - 1) // CHUNK * CHUNK
            write(first, PhaseState(*(torch.stack(x, 1) for x in zip(*path[first:], strict=True))))
    return PhaseState(*(torch.stack(x, 1) for x in zip(*path, strict=True)))


def _offset(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    """Return a function that reports the progress of one batch as part of that of all batches."""

    def report(k: int) -> None:
        if k:
            progress(before + k, total)

    return report
