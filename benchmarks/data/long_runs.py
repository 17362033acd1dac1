"""Long runs at constant energy of a model that learned a molecule: what they keep, and how long they last."""

from __future__ import annotations

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
BROKEN = 10.0
"""A run whose energy is off by so many meV per atom is no longer one at constant energy; Verlet's is below 1."""


class Run(NamedTuple):
    """What a long run at constant energy shows.

    Args:
        drift: the slope of the energy with time, in meV per atom and ns.
        spread: the standard deviation of the energy about that line, in meV per atom.
        momentum: the largest change of P, relative to Σ|p|.
        angular: the largest change of L about the origin, relative to Σ|r||p|.
        lengths: distances of all pairs at the states that are kept, (states, pairs), in Å.
    """

    drift: float
    spread: float
    momentum: float
    angular: float
    lengths: Float[Tensor, "states pairs"]


def constant_energy(
    model: HLieConv, x: Trajectory, steps: int, start: int = 0, every: int = 50, compiled: bool = True
) -> Run:
    """Run velocity Verlet from the first state of a trajectory with its own step, and keep every 50th state.

    Raises:
        IntegrationError: if the energy leaves that of the start by more than `BROKEN`.
    """
    bodies = x.bodies.map(lambda y: y[start])
    field = model.field(bodies)
    field, verlet = field.compiled() if compiled else field, make_integrator("verlet")
    step, state = float(x.times.flatten()[1] - x.times.flatten()[0]), PhaseState(x.q[start, 0], x.p[start, 0])
    kept, momenta = [state.q], [state.p]
    piece = 1000
    with torch.no_grad():
        first = float(model(state, bodies))
        for k in range(steps // piece):
            path = verlet.integrate(field, state, step * torch.arange(piece + 1, dtype=x.q.dtype))
            state = PhaseState(path.q[-1], path.p[-1])
            kept += list(path.q[every::every])
            momenta += list(path.p[every::every])
            off = 1e3 * abs(float(model(state, bodies)) - first) / len(state.q)
            if not off <= BROKEN:
                raise IntegrationError(f"energy is off by {off:.1e} meV/atom after {(k + 1) * piece} steps")
        q, p = torch.stack(kept), torch.stack(momenta)
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


def long_runs(model: HLieConv, data: Dataset, steps: int, starts: int) -> list[Run]:
    """Return the runs from the first states of some unseen trajectories that kept their energy, and print of all."""
    assert data.test is not None
    runs = []
    for k in range(starts):
        try:
            run = constant_energy(model, data.test, steps, start=k)
        except IntegrationError as error:
            print(f"start {k}: broke, {error}", flush=True)
            continue
        runs.append(run)
        print(
            f"start {k}: {steps} steps, energy drifts by {run.drift:.2g} meV/atom/ns and spreads by {run.spread:.2g} "
            f"meV/atom; P changes by {run.momentum:.1e} of Σ|p|, L by {run.angular:.1e} of Σ|r||p|",
            flush=True,
        )
    return runs
