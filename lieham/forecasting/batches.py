"""Batches of systems are integrated one after the other, and written to disk while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from lieham._support.progress import Progress
from lieham.data import TrajectoryWriter
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.integrate import Integrator
from lieham.state import PhaseState, Trajectory
from lieham.typing import Tensor

CHUNK = 100
"""This number of output times is held in memory before they are written to the file."""

Write = Callable[[int, PhaseState], None]
"""`write(first, states)` is called with the index of the first of the output times that are written."""


@dataclass(frozen=True)
class Flow:
    """A flow integrates one batch after the other; it holds a model, a method, and whether the force is compiled."""

    model: Hamiltonian
    integrator: Integrator
    compile: bool

    def __call__(self, start: Trajectory, times: Tensor) -> Iterator[PhaseState]:
        """Return the states (batch, n, d) at one time after the other."""
        field = self.model.field(start.bodies)
        return self.integrator.stream(field.compiled() if self.compile else field, start.state(0), times)


def in_batches(
    flow: Flow, start: Trajectory, times: Tensor, batch: int, sink: TrajectoryWriter | None, shown: Progress
) -> PhaseState:
    """Return the states of all systems, `batch` of them integrated at a time, (systems, time, n, d)."""
    parts, steps = [], times.shape[-1] - 1
    for first in range(0, len(start), batch):
        rows = slice(first, first + batch)
        report = _offset(shown, first // batch * steps, -(-len(start) // batch) * steps)
        write = None if sink is None else partial(sink.write, rows)
        parts.append(_collect(flow(start[rows], times[rows]), steps, write, report))
    return PhaseState(*(torch.cat(x) for x in zip(*parts, strict=True)))


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
