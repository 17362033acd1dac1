"""Forecasts follow a learned Hamiltonian from initial states, with steps that suit the motion, in batches."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from lieham._support.progress import Progress, reporting
from lieham.data import TrajectoryWriter
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.trained_range import warn_outside
from lieham.errors import InputError, check_count, check_offers, expected
from lieham.forecasting.accuracy import Accuracy
from lieham.forecasting.batches import Flow, in_batches
from lieham.groups import Group, Trivial
from lieham.integrate import Integrator, make_integrator
from lieham.integrate.outputs import check_end, lead_in, output_times, output_width, steps_until, stored_before
from lieham.metrics import state_mse
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor


@dataclass(frozen=True)
class Forecast:
    """A forecast is a rollout and what it came from; `lieham.forecast` makes it, or a user from a path of their own.

    Args:
        trajectory: states at the output times, (batch, steps + 1, n, d), and the bodies.
        model: the Hamiltonian whose flow it is.
        integrator: the method that followed the flow.
        attributes: the settings by name, such as `method` and `dtype`, the `seconds` that it took, and where the steps
            are fixed the `integrator_error` of an interval between outputs, as a share of a body's motion in it.
        warnings: sentences on what lies outside the range of the model's training, and on the integrator's error.

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
    steps: int | None = None,
    *,
    start: float | None = None,
    until: float | None = None,
    dt: float | None = None,
    method: str | Integrator = "auto",
    batch: int = 256,
    out: str | Path | None = None,
    overwrite: bool = False,
    compile: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Forecast:
    """Integrate the motion of `model` for `steps` output times, or until a time, from states of `initial`.

    Args:
        model: the Hamiltonian; the forecast runs in its dtype, on its device.
        initial: trajectories whose states and bodies start the forecast; one without batch axis makes a batch of 1.
        steps: number of output times after the first.
        start: time at which the forecast begins, within the stored ones; between two of them the model goes on from the
            earlier one. By default each trajectory's own first time.
        until: time at which the forecast ends, or less than a step before it, in place of `steps`.
        dt: time between outputs, negative for backwards; by default each trajectory's own first step.
        method: the integrator; by default Yoshida-4 for a separable H, else Gauss-4. Both keep P and L to round-off.
        batch: number of systems that are integrated at a time.
        out: HDF5 file, written while running.
        overwrite: whether an old file may be replaced.
        compile: whether torch.compile compiles the force, which takes half a minute once and saves time in each step.
        progress: called as progress(done, total) in output times of all batches; by default a bar on a terminal.
        settings: those of the method (substeps, compensated, rtol, atol); by default it sums with compensation where it
            can, and a method with fixed steps takes the least 1, 2, 4, ... or 32 of them between outputs that keep
            the error of such an interval below 1e-7 of every body's own motion in it (`choose_substeps`).

    Returns:
        The rollout with its model and integrator.

    Warns:
        LiehamWarning: where bodies or motions lie outside the range of training, or where the integrator's error is
            too large; `Forecast.warnings` has the sentences.

    Raises:
        InputError: if the settings or the initial states do not fit the model, if `start` is outside the stored times,
            or if not exactly one of `steps` and `until` is given.
        FileError: if `out` exists and `overwrite` is False.
        IntegrationError: if the state leaves the finite numbers.

    Example:
        >>> import lieham, systems
        >>> start = systems.Springs(3).generate(2, 0, 0, points=2).train
        >>> rollout = lieham.forecast(lieham.HLieConv("SE(2)", 1, width=8), start, steps=5, dt=0.1)
        >>> rollout.trajectory.q.shape, rollout.attributes["method"]
        (torch.Size([2, 6, 3, 2]), 'yoshida4')
    """
    check_end(steps, until)
    check_count("steps", 1 if steps is None else steps)
    check_count("batch", batch)
    check_offers(
        "model", model, "a Hamiltonian, such as HLieConv, that predicts motion", ("field", "separable", "check")
    )
    check_offers("initial", initial, "trajectories, such as data.test", ("times", "q", "p", "bodies"))
    integrator = _integrator(model, method, settings)
    model.check(initial)
    weight, whole, began = next(model.parameters(), initial.q), _as_batch(initial), time.perf_counter()
    width, (taken, gap) = output_width(_exact(whole), dt), _stored(whole.to(weight.device, weight.dtype), start)
    begin = _exact(taken) + gap
    steps = steps_until(begin, width, cast(float, until)) if steps is None else steps
    times, known = output_times(begin, width, steps), model.trained_range()
    with torch.no_grad():
        free = isinstance(method, str) and "substeps" not in settings
        accuracy = Accuracy(integrator, steps, free).ahead(model, taken, width)
        flow = Flow(model, accuracy.integrator, compile)
        begun = _led_to(flow, taken, gap, width, batch)
    attributes = _attributes(accuracy, weight)
    writer = nullcontext() if out is None else TrajectoryWriter(out, times, begun.bodies, attributes, overwrite)
    with writer as sink, torch.no_grad(), reporting(progress, "forecast") as shown:
        said = warn_outside(known, begun, model.group)
        path = in_batches(flow, begun, times, batch, sink, shown)
    trajectory = Trajectory(times.to(weight.device), path.q, path.p, begun.bodies)
    with torch.no_grad():
        accuracy = accuracy.behind(model, trajectory)
    attributes = _attributes(accuracy, weight) | {"seconds": time.perf_counter() - began}
    warned = warn_outside(known, trajectory, model.group, said)
    return Forecast(trajectory, model, accuracy.integrator, attributes, (*warned, *accuracy.said))


def _attributes(accuracy: Accuracy, weight: Tensor) -> dict[str, str | float]:
    """Return the settings of a forecast by name, from which `integrator_of` makes the same integrator again."""
    method, dtype = accuracy.integrator, str(weight.dtype).removeprefix("torch.")
    found: dict[str, str | float] = {"method": method.name, "settings": str(method), "dtype": dtype}
    return found if accuracy.error is None else found | {"integrator_error": accuracy.error}


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


def _stored(initial: Trajectory, start: float | None) -> tuple[Trajectory, Float[Tensor, "batch 1"]]:
    """Return the stored states that a forecast begins from, (batch, 1, n, d), and the time from them to `start`."""
    times = _exact(initial)
    if start is None:
        return initial.window(0, 1), torch.zeros_like(times[:, :1])
    index, gap = stored_before(times, start)
    place = (torch.arange(len(initial))[:, None], index[:, None])
    return replace(initial, times=initial.times[place], q=initial.q[place], p=initial.p[place]), gap[:, None]


def _led_to(flow: Flow, taken: Trajectory, gap: Tensor, width: Tensor, batch: int) -> Trajectory:
    """Return the states after the time `gap`, (batch, 1) on the CPU, to which the model leads from the stored ones."""
    late = gap[:, 0] > 0
    if not bool(late.any()):
        return taken
    ahead = lead_in(_exact(taken)[late], gap[late], width[late])
    path = in_batches(flow, taken[late.to(taken.q.device)], ahead, batch, None, lambda done, total: None)
    for x, new in zip((taken.times, taken.q, taken.p), (ahead.to(taken.times), path.q, path.p), strict=True):
        x[late.to(x.device), 0] = new[:, -1]  # these tensors are copies of what was stored
    return taken


def _exact(x: Trajectory) -> Float[Tensor, "batch time"]:
    """Return the times on the CPU."""
    return x.times.to("cpu")
