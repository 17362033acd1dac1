"""Intervals between outputs of a forecast, taken once more with finer steps, tell the error of its integrator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from math import inf
from typing import Any

import torch

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import IntegrationError
from lieham.integrate import Integrator
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

MOST_SUBSTEPS = 32
"""No more steps than these are taken between two outputs, unless they are asked for."""
PIECE, SYSTEMS, LATER = 8, 8, 8
"""Lengths of the first piece that is looked at, in intervals, of so many systems, and of the later intervals."""
FEW = 25
"""One of so many intervals of a rollout, at most LATER of them, is looked at again."""
CHUNK = 256
"""This number of systems is looked at together."""
ROUND_OFF = 64.0
"""Differences of this many units in the last place count as rounding."""


@dataclass(frozen=True)
class Intervals:
    """Intervals between outputs are single steps of the output grid: states to begin with, and the sizes of motions.

    Args:
        model: the Hamiltonian.
        start: states at their beginnings, (rows, 1, n, d), with bodies (rows, n).
        width: their lengths, (rows, 1), on the CPU; negative backwards.
        sizes: how far every body moves in q and in p in an interval, (rows, n).
    """

    model: Hamiltonian
    start: Trajectory
    width: Float[Tensor, "rows 1"]
    sizes: PhaseState

    def after(self, integrator: Integrator) -> PhaseState | None:
        """Return the states at their ends, (rows, n, d); None where the method fails or leaves the finite numbers."""
        return _after(self.model, self.start, self.width, integrator)

    def errors(self, one: PhaseState | None, two: PhaseState | None, order: int) -> Float[Tensor, " rows"]:
        """Return the largest error of a body in each interval, as a share of its motion: |z_s − z_2s| 2^r / (2^r − 1).

        This is Richardson's estimate of the error of z_s, the state after s steps of a method of order r, and z_2s that
        after 2s steps. Differences are formed in float64, and what rounding can explain is taken off.

        Args:
            one: states after s steps, (rows, n, d); None where there are none, and the errors are ∞.
            two: states after 2s steps.
            order: the order r of the method.
        """
        worst = torch.zeros(len(self.start), dtype=torch.float64)
        if one is None or two is None:
            return worst + inf
        for x, y, x0, size in zip(one, two, self.start.state(0), self.sizes, strict=True):
            apart = (x.double() - y.double()).norm(dim=-1) * (2**order / (2**order - 1))
            rounding = ROUND_OFF * torch.finfo(x.dtype).eps * torch.maximum(x0.norm(dim=-1), y.norm(dim=-1))
            share = (apart - rounding).clamp(min=0) / size.double().clamp(min=torch.finfo(torch.float64).tiny)
            worst = torch.maximum(worst, _largest(share, self.start).cpu())
        return worst

    def rounded(self, error: float, finer: float) -> bool:
        """Return whether an error is one of rounding: half the step does not halve it, and it is below ε^(1/3)."""
        return finer > error / 2 and error < torch.finfo(self.start.q.dtype).eps ** (1 / 3)

    def errors_of(self, integrator: Any) -> Float[Tensor, " rows"]:
        """Return the errors with the substeps that the integrator has."""
        finer = replace(integrator, substeps=2 * integrator.substeps)
        return self.errors(self.after(integrator), self.after(finer), integrator.order)


def intervals_ahead(
    model: Hamiltonian, start: Trajectory, width: Float[Tensor, "batch 1"], steps: int, integrator: Integrator
) -> Intervals:
    """Return intervals of the most demanding systems: the first ones, and two later ones where forces are large.

    Args:
        model: the Hamiltonian.
        start: initial states, (batch, 1, n, d).
        width: the time between outputs, (batch, 1), on the CPU.
        steps: the number of outputs.
        integrator: the method that computes the first outputs.
    """
    rows = _most_demanding(model, start, width, integrator)
    path, width = _piece(model, start[rows], width[rows], min(steps, PIECE), integrator), width[rows]
    shape = path.q.shape[:2]
    system, k = (x.flatten() for x in torch.meshgrid(*map(torch.arange, shape), indexing="ij"))
    span = width.abs().to(path.q)[..., None]
    moved = [x.norm(dim=-1).unflatten(0, shape) * span for x in _rates(model, _at(path, system, k))]
    sizes = PhaseState(*(x.square().mean(1).sqrt() for x in moved))
    pushed = _largest(moved[1] / sizes.p[:, None], path)
    pushed[:, 0] = inf
    k = pushed.topk(min(3, shape[1]), 1).indices.flatten()
    system = torch.arange(shape[0]).repeat_interleave(len(k) // shape[0])
    return Intervals(model, _at(path, system, k), width[system], PhaseState(sizes.q[system], sizes.p[system]))


def intervals_of(model: Hamiltonian, path: Trajectory) -> Intervals:
    """Return the intervals of a whole path in which some body's momentum changes most, beside its usual changes.

    Args:
        model: the Hamiltonian.
        path: the rollout, (batch, time, n, d) with at least two times.
    """
    changes = [x.diff(dim=1).norm(dim=-1) for x in (path.q, path.p)]
    usual = [x.square().mean(1).sqrt() for x in changes]
    pushed = _largest(changes[1] / usual[1][:, None], path)
    count = max(1, min(LATER, pushed.numel() // FEW))
    chosen = pushed.flatten().topk(count).indices
    system, k = chosen // pushed.shape[1], chosen % pushed.shape[1]
    at, width = _at(path, system, k), path.times.diff(dim=1)[system, k][:, None].cpu()
    span = width.abs().to(path.q)
    sizes = [torch.maximum(u[system], r.norm(dim=-1) * span) for u, r in zip(usual, _rates(model, at), strict=True)]
    return Intervals(model, at, width, PhaseState(*sizes))


def _most_demanding(model: Hamiltonian, start: Trajectory, width: Tensor, integrator: Any) -> Tensor:
    """Return the rows of the systems in which a body's motion is fastest for its steps, at most SYSTEMS of them.

    ω² = |δṗ||δq̇| / (|δq||δp|) along a short step, the square of the angular frequency for an oscillator in any phase.
    """
    if len(start) <= SYSTEMS:
        return torch.arange(len(start))
    found = []
    for first in range(0, len(start), CHUNK):
        x, short = start[first : first + CHUNK], width[first : first + CHUNK] / MOST_SUBSTEPS
        after = _after(model, x, short, replace(integrator, substeps=1))
        if after is None:
            found.append(torch.full((len(x),), inf, dtype=torch.float64))
            continue
        later = _rates(model, replace(x, q=after.q[:, None], p=after.p[:, None]))
        change = [(b - a).norm(dim=-1) for a, b in zip(_rates(model, x), later, strict=True)]
        moved = [(b - a).norm(dim=-1) for a, b in zip(x.state(0), after, strict=True)]
        squared = _largest((change[0] / moved[1]) * (change[1] / moved[0]), x)
        found.append(squared.double().cpu() * short[:, 0].square())
    return torch.cat(found).topk(SYSTEMS).indices


def _piece(model: Hamiltonian, start: Trajectory, width: Tensor, steps: int, integrator: Integrator) -> Trajectory:
    """Return the first states of a rollout, (rows, k, n, d), as many as are finite."""
    times, path = start.times.cpu() + width * torch.arange(steps + 1), [start.state(0)]
    try:
        states = integrator.stream(model.field(start.bodies), start.state(0), times)
        for state in islice(states, 1, None):
            if not bool((state.q.isfinite() & state.p.isfinite()).all()):
                break
            path.append(state)
    except IntegrationError:
        pass  # the states before are enough
    q, p = (torch.stack(x, 1) for x in zip(*path, strict=True))
    return Trajectory(times[:, : len(path)].to(q.device), q, p, start.bodies)


def _after(model: Hamiltonian, start: Trajectory, width: Tensor, integrator: Integrator) -> PhaseState | None:
    """Return the states at the ends of intervals, or None where there are none that are finite."""
    clock = start.times.cpu()
    try:
        path = integrator.integrate(model.field(start.bodies), start.state(0), torch.cat([clock, clock + width], 1))
    except IntegrationError:
        return None
    return PhaseState(path.q[:, 1], path.p[:, 1])


def _rates(model: Hamiltonian, x: Trajectory) -> PhaseState:
    """Return q̇ and ṗ, (rows, n, d)."""
    t = x.times[:, :1, None].to(x.q.device)
    return model.field(x.bodies)(t if bool((t != t[:1]).any()) else t[0, 0, 0], x.state(0))


def _at(path: Trajectory, system: Tensor, k: Tensor) -> Trajectory:
    """Return single states of a path, (rows, 1, n, d)."""
    bodies = path.bodies.map(lambda x: x[system])
    return Trajectory(path.times[system, k][:, None], path.q[system, k][:, None], path.p[system, k][:, None], bodies)


def _largest(x: Float[Tensor, "*rows n"], path: Trajectory) -> Float[Tensor, "*rows"]:
    """Return the largest number of each row over the real bodies, of which some may not be finite."""
    real = path.bodies.mask if x.ndim == 2 else path.bodies.mask[:, None]
    return x.nan_to_num(0.0, 0.0, 0.0).masked_fill(~real, 0.0).amax(-1)
