"""Rollouts that go on when one system of many diverges, and their drift."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from benchmarks.engine.figures import finite
from lieham import Conservation, Forecast, Hamiltonian, Trajectory, conservation
from lieham.errors import IntegrationError
from lieham.integrate import Field, Integrator, make_integrator
from lieham.state import PhaseState
from lieham.typing import Bool, Tensor
from systems import System

CHUNK = 10
"""Output times after which systems that diverged are left behind, once one has."""


def one_step(field: Field, substeps: int = 1) -> Integrator:
    """The integrator of windows: rkn4 where it can, else rk4; `substeps` between two points."""
    nystrom = field.separable and field.linear_velocity
    return make_integrator("rkn4" if nystrom else "rk4", substeps=substeps)


def long_run(field: Field) -> Integrator:
    """The integrator of rollouts: Yoshida-4 as `lieham.forecast` has it, for fields that do not split rk4."""
    if field.separable:
        return make_integrator("yoshida4", substeps=4, compensated=True)
    return make_integrator("rk4", substeps=4)


@torch.no_grad()
def roll(model: nn.Module, start: Trajectory, integrator: Integrator) -> PhaseState:
    """States at the times of `start` from its first ones; NaN from the chunk on in which a system diverges."""
    whole = _try(model, start, integrator)
    return _in_chunks(model, start, integrator) if whole is None else whole


def _try(model: nn.Module, start: Trajectory, integrator: Integrator) -> PhaseState | None:
    try:
        return integrator.integrate(model.field(start.bodies), start.state(0), start.times)
    except IntegrationError:
        return None


def _in_chunks(model: nn.Module, start: Trajectory, integrator: Integrator) -> PhaseState:
    q, p = (torch.full_like(z, torch.nan) for z in start.states())
    q[:, 0], p[:, 0] = start.state(0)
    for first in range(0, start.n_steps, CHUNK):
        piece = replace(start, q=q, p=p).window(first, min(CHUNK, start.n_steps - first) + 1)
        alive = _finite(piece.state(0)).nonzero().flatten()
        if len(alive):
            path = _halving(model, piece[alive], integrator)
            chunk = slice(first, first + piece.n_steps + 1)
            q[alive, chunk], p[alive, chunk] = path.q, path.p
    return PhaseState(q, p)


def _halving(model: nn.Module, start: Trajectory, integrator: Integrator) -> PhaseState:
    """The batch, or its halves where it diverges, down to single systems, whose later states become NaN."""
    path = _try(model, start, integrator)
    if path is not None:
        return path
    if len(start) == 1:
        return PhaseState(*(torch.cat([z[:, :1], torch.full_like(z[:, 1:], torch.nan)], 1) for z in start.states()))
    half = len(start) // 2
    halves = [_halving(model, start[rows], integrator) for rows in (slice(half), slice(half, None))]
    return PhaseState(*(torch.cat(x) for x in zip(*halves, strict=True)))


def _finite(state: PhaseState) -> Bool[Tensor, " batch"]:
    return (state.q.isfinite() & state.p.isfinite()).flatten(1).all(1)


def drift(model: nn.Module, law: System, path: PhaseState, truth: Trajectory, integrator: Integrator) -> dict:
    """Largest drift of P, L, L_cm and of the law's H, and of the model's own where it is a Hamiltonian, over the
    systems that did not diverge; None where all did."""
    alive = _finite(path)
    if not bool(alive.any()):
        return {}
    moved = replace(truth[alive], q=path.q[alive], p=path.p[alive])
    report = conservation(Forecast(moved, law.hamiltonian(), integrator, {}))
    found = {name: _largest(report, name) for name in ("P", "L", "L_cm")} | {"H_law": _largest(report, "H")}
    if isinstance(model, Hamiltonian):
        found["H_model"] = _largest(conservation(Forecast(moved, model, integrator, {})), "H")
    return found


def _largest(report: Conservation, family: str) -> float | None:
    return finite(max(c.drift.max().item() for c in report.charges if c.name.rstrip("_xyz") == family))
