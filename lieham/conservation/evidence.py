"""Evidence takes every step of a path again, to tell apart what model, integrator and rounding changed in it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch

from lieham.errors import LiehamError
from lieham.forecasting import Forecast
from lieham.integrate import Integrator, make_integrator
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

ROWS = 512
"""At most this many steps are taken again, evenly along the path."""
ROUNDING = 1000.0
"""A step may depart by this many units of round-off of its state, which sums over bodies and substeps lose."""
METHOD = 10.0
"""A step of fixed width departs from the same step by no more than this many times the error of the method."""
ADAPTIVE = 100.0
"""A step of an adaptive method, begun anew, departs by no more than this many of its tolerances."""

Values = Callable[[Forecast], dict[str, Float[Tensor, "rows points"]]]
"""Values maps paths of several points to the values of every charge along them, by name."""


@dataclass(frozen=True)
class Evidence:
    """Evidence splits J(t) − J(0) = model + integrator + rest along a stored path.

    Each step z_k → z_{k+1} is taken again in float64, by the integrator, Φ_h(z_k), and with half its width, which gives
    the exact flow φ_h(z_k) to higher order. Then J(φ_h(z_k)) − J(z_k) is what the model itself changes, J(Φ_h(z_k)) −
    J(φ_h(z_k)) the error of the integrator, and J(z_{k+1}) − J(Φ_h(z_k)) is neither: rounding, or a path that is not
    the flow of the model.

    Args:
        parts: for each charge the three parts in this order, summed along the path, (3, rows, steps).
        systems: the systems of the batch that were followed, (rows,).
        rest: what explains the last part: "precision", "integrator" (an adaptive method that begins anew takes other
            steps), or "path".
        gap: the largest departure of a step, relative to the size of its state.
        error: the largest error of the integrator in a step, relative to the same.
    """

    parts: dict[str, Float[Tensor, "3 rows steps"]]
    systems: list[int]
    rest: str
    gap: float
    error: float

    def shares(self, name: str, scale: Float[Tensor, " batch"]) -> tuple[float, float, float]:
        """Return the largest part of model, integrator and rest in the drift of a charge, in units of its scale."""
        size = (self.parts[name].abs().amax(2) / scale[self.systems].double()).amax(1)
        model, integrator, rest = size.tolist()
        return model, integrator, rest


def examine(forecast: Forecast, systems: list[int], values: Values) -> Evidence | None:
    """Take the steps of a path again.

    Args:
        forecast: the path, with its model and its integrator.
        systems: the systems of the batch to be followed.
        values: gives the charges along paths.

    Returns:
        The evidence; None if the path has no step, or if model or integrator cannot take its steps.
    """
    if not forecast.trajectory.n_steps or not systems:
        return None
    double = Forecast(forecast.trajectory, deepcopy(forecast.model).double(), forecast.integrator, {})
    steps, stride = _steps(double.trajectory, systems)
    try:
        once, exact = _again(double, steps)
        known = values(replace(double, trajectory=_side_by_side(steps, exact, once)))
    except (LiehamError, RuntimeError):
        return None
    rest, gap, error = _departure(steps, once, exact, forecast)
    parts = {name: stride * _parts(x).unflatten(1, (len(systems), -1)).cumsum(2) for name, x in known.items()}
    return Evidence(parts, systems, rest, gap, error)


def _steps(path: Trajectory, systems: list[int]) -> tuple[Trajectory, float]:
    """Return single steps of these systems as trajectories of two points, and how many steps each stands for."""
    count = min(path.n_steps, max(1, ROWS // len(systems)))
    at = torch.linspace(0, path.n_steps - 1, count).round().long().repeat(len(systems))
    rows = torch.tensor(systems).repeat_interleave(count)
    q, p, times = (torch.stack([x[rows, at], x[rows, at + 1]], 1) for x in (path.q, path.p, path.times))
    bodies = path.bodies.map(lambda x: x[rows])
    return Trajectory(times, q, p, bodies).to(dtype=torch.float64), path.n_steps / count


def _again(forecast: Forecast, steps: Trajectory) -> tuple[PhaseState, PhaseState]:
    """Return the state after each step by the integrator, and by Richardson's extrapolation from half its width."""
    field, integrator = forecast.model.field(steps.bodies), forecast.integrator
    tolerance = _tolerances(integrator)
    sharper = integrator
    if any(tolerance):
        sharper = make_integrator(integrator.name, rtol=tolerance[0] / 1e3, atol=tolerance[1] / 1e3)
    once = integrator.integrate(field, steps.state(0), steps.times)
    halves = torch.stack([steps.times[:, 0], steps.times.mean(1), steps.times[:, 1]], 1)
    twice = sharper.integrate(field, steps.state(0), halves)
    rate = 0.0 if any(tolerance) else 1 / (2**integrator.order - 1)
    ends = [(a[:, -1], b[:, -1]) for a, b in zip(once, twice, strict=True)]
    return PhaseState(*(a for a, _ in ends)), PhaseState(*(b + rate * (b - a) for a, b in ends))


def _tolerances(integrator: Integrator) -> tuple[float, float]:
    """Return the relative and the absolute tolerance of an adaptive method; 0 for one of fixed width."""
    settings = vars(integrator)
    return float(settings.get("rtol") or 0.0), float(settings.get("atol") or 0.0)


def _side_by_side(steps: Trajectory, exact: PhaseState, once: PhaseState) -> Trajectory:
    """Return paths of four points: the start of each step, the exact and the integrator's end, and the stored one."""
    q, p = (torch.stack([x[:, 0], e, o, x[:, 1]], 1) for x, e, o in zip(steps.states(), exact, once, strict=True))
    times = torch.cat([steps.times, steps.times[:, 1:].expand(-1, 2)], 1)
    return Trajectory(times, q, p, steps.bodies)


def _parts(values: Float[Tensor, "rows points"]) -> Float[Tensor, "3 rows"]:
    return values.double().diff(dim=1).T


def _departure(steps: Trajectory, once: PhaseState, exact: PhaseState, forecast: Forecast) -> tuple[str, float, float]:
    """Return what explains the departure of the stored ends, the largest of it, and the largest error of the method."""
    eps, (rtol, atol) = torch.finfo(forecast.trajectory.q.dtype).eps, _tolerances(forecast.integrator)
    rounded, explained, gaps, errors = True, True, [], []
    for start, end, x, e in zip(
        (steps.q[:, 0], steps.p[:, 0]), (steps.q[:, 1], steps.p[:, 1]), once, exact, strict=True
    ):
        gap, error = _largest(end - x), _largest(x - e)
        size = torch.maximum(_largest(start), _largest(end)) + _largest(end - start)
        rounding = ROUNDING * eps * size
        rounded &= bool((gap <= rounding).all())
        explained &= bool((gap <= rounding + METHOD * error + ADAPTIVE * (rtol * size + atol)).all())
        gaps.append((gap / size.clamp(min=1e-300)).max().item())
        errors.append((error / size.clamp(min=1e-300)).max().item())
    rest = "precision" if rounded else "integrator" if explained else "path"
    return rest, max(gaps), max(errors)


def _largest(x: Float[Tensor, "rows n d"]) -> Float[Tensor, " rows"]:
    return x.abs().amax((1, 2))
