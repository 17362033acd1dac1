"""Force errors and the time of a force of a model that learned a molecule."""

from __future__ import annotations

import time

import torch

from lieham import HLieConv
from lieham.data import Dataset
from lieham.state import PhaseState, Trajectory


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
