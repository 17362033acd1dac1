"""Force errors, time of a force, and long runs of a model that learned a molecule."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from lieham import HLieConv
from lieham.data import Dataset
from lieham.errors import IntegrationError
from lieham.integrate import make_integrator
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

NS = 1e6 / 10.1805
"""A nanosecond in units of Å √(u/eV), which are 10.1805 fs."""


def without_labels(x: Trajectory | None) -> Trajectory | None:
    """Return trajectories whose forces and energies are not known."""
    return None if x is None else Trajectory.of(x.times, x.q, x.p, x.bodies)


def motion_alone(data: Dataset) -> Dataset:
    """Return the same trajectories without labels."""
    return Dataset(*(without_labels(x) for x in (data.train, data.val, data.test)), data.provenance)


def errors(model: HLieConv, x: Trajectory, every: int = 5) -> tuple[float, float]:
    """Return the mean absolute error of the components of forces, in meV/Å, and of energies less their mean, in meV."""
    assert x.forces is not None and x.energy is not None
    q, forces, energy = (y[:, ::every] for y in (x.q, x.forces, x.energy))
    off, found = [], []
    with torch.no_grad():
        for k in range(len(q)):
            state = PhaseState(q[k], torch.zeros_like(q[k]))
            bodies = x.bodies.map(lambda y, k=k: y[k : k + 1].expand(q.shape[1], *y.shape[1:]))
            off.append((model.field(bodies)(q.new_zeros(()), state).p - forces[k]).abs().mean())
            found.append(model(state, bodies))
    apart = torch.stack(found) - energy
    return 1e3 * float(torch.stack(off).mean()), 1e3 * float((apart - apart.mean()).abs().mean())


def milliseconds(model: HLieConv, x: Trajectory, compiled: bool, calls: int = 200) -> float:
    """Return the time of the force of one configuration, in ms, as it is now set to threads."""
    field = model.field(x.bodies.map(lambda y: y[0]))
    field = field.compiled() if compiled else field
    state, zero = PhaseState(x.q[0, 0], x.p[0, 0]), x.q.new_zeros(())
    with torch.no_grad():
        for _ in range(20):
            field(zero, state)
        began = time.perf_counter()
        for _ in range(calls):
            field(zero, state)
    return 1e3 * (time.perf_counter() - began) / calls


class Run(NamedTuple):
    """What a long run at constant energy shows.

    Args:
        drift: the slope of the energy with time, in meV per atom and ns.
        spread: the standard deviation of the energy about that line, in meV per atom.
        momentum: the largest change of P, relative to Σ|p|.
        angular: the largest change of L about the center of mass, relative to Σ|r||p|.
        lengths: distances of all pairs at the states that are kept, (states, pairs), in Å.
    """

    drift: float
    spread: float
    momentum: float
    angular: float
    lengths: Float[Tensor, "states pairs"]


def constant_energy(model: HLieConv, x: Trajectory, steps: int, every: int = 50, compiled: bool = True) -> Run:
    """Run velocity Verlet from the first state of a trajectory with its own step, and keep every 50th state."""
    bodies = x.bodies.map(lambda y: y[0])
    field = model.field(bodies)
    field, verlet = field.compiled() if compiled else field, make_integrator("verlet")
    step, state = float(x.times.flatten()[1] - x.times.flatten()[0]), PhaseState(x.q[0, 0], x.p[0, 0])
    kept, momenta = [state.q], [state.p]
    piece = 1000
    with torch.no_grad():
        for _ in range(steps // piece):
            path = verlet.integrate(field, state, step * torch.arange(piece + 1, dtype=x.q.dtype))
            state = PhaseState(path.q[-1], path.p[-1])
            kept += list(path.q[every::every])
            momenta += list(path.p[every::every])
        q, p = torch.stack(kept), torch.stack(momenta)
        finite = int(q.isfinite().flatten(1).all(1).sum())
        if finite < len(q):
            raise IntegrationError(f"the molecule flew apart: {finite} of {len(q)} states are finite")
        among = bodies.map(lambda y: y.expand(len(q), *y.shape))
        energy = torch.cat([model(PhaseState(a, b), c) for a, b, c in _parts(q, p, among)])
    n = q.shape[1]
    t = every * step * torch.arange(len(q), dtype=q.dtype) / NS
    line = torch.linalg.lstsq(torch.stack([t - t.mean(), torch.ones_like(t)], 1), energy[:, None]).solution
    left = energy - (t - t.mean()) * line[0] - line[1]
    total, turn = p.sum(1), torch.linalg.cross(q, p).sum(1)
    size = torch.linalg.norm(p[0], dim=-1).sum()
    around = (torch.linalg.norm(q[0] - q[0].mean(0), dim=-1) * torch.linalg.norm(p[0], dim=-1)).sum()
    i, j = torch.triu_indices(n, n, 1)
    return Run(
        1e3 * float(line[0]) / n, 1e3 * float(left.std()) / n,
        float((total - total[0]).norm(dim=-1).max() / size), float((turn - turn[0]).norm(dim=-1).max() / around),
        (q[:, i] - q[:, j]).norm(dim=-1),
    )  # fmt: skip


def _parts(q: Tensor, p: Tensor, bodies: object, size: int = 200) -> list:
    """Return states and bodies, some at a time."""
    return [
        (q[k : k + size], p[k : k + size], bodies.map(lambda y, k=k: y[k : k + size]))  # type: ignore[attr-defined]
        for k in range(0, len(q), size)
    ]
