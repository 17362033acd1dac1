"""Every law in `cases.SYSTEMS`, and how far two states are apart."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from lieham.conservation.momentum import charge_scale, momentum_map
from lieham.groups import make_group
from lieham.state import Bodies, PhaseState, Trajectory
from systems import Springs, System
from tests.helpers.cases import SYSTEMS

over_systems = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
EXACT = {name: x for name, x in SYSTEMS.items() if isinstance(x, Springs) and not x.rest_length}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gap(a: PhaseState, b: PhaseState) -> float:
    """The largest difference of q and p, in units of the largest q and p."""
    return max(((x - y).abs().max() / y.abs().max().clamp(min=1)).item() for x, y in zip(a, b, strict=True))


def tensors(x: Trajectory) -> tuple[torch.Tensor, ...]:
    return x.times, x.q, x.p, x.bodies.mass, x.bodies.features, x.bodies.mask


@cache
def reference(name: str) -> Trajectory:
    """20 systems along 50 points of the law's own grid, by its own solution."""
    system = SYSTEMS[name]
    state, bodies = system.sample(20, generator(1))
    times = system.times(50)
    return Trajectory.of(times, *system.solve(state, bodies, times), bodies)


def drift(system: System, x: PhaseState, bodies: Bodies) -> tuple[float, float]:
    """How far the linear and the angular charges of the symmetry move, in units of their scale."""
    moved = []
    for kind in ("T", "SO"):
        group = make_group(f"{kind}({system.dim})")
        charge = momentum_map(group, x, bodies.over_time())
        scale = charge_scale(group, x, bodies.over_time()).amax()
        moved.append(((charge - charge[:, :1]).abs().max() / scale).item())
    return moved[0], moved[1]
