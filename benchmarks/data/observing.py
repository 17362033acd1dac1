"""Trajectories that are observed incompletely: without momenta, at irregular times, with noise, without masses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from lieham import Bodies, PhaseState, Trajectory, infer_masses
from lieham.typing import Tensor
from systems import SYSTEMS, System
from systems.laws.draws import stream

POINTS = 20
"""Points of a trajectory, on the law's own grid where the times are regular."""


@dataclass(frozen=True)
class Kind:
    """A way to observe a trajectory, and to fit it; with `one_set` all trajectories have the same bodies."""

    see: Callable[[Trajectory, torch.Generator], Trajectory] = lambda x, generator: x
    observed: str = "exact"
    irregular: bool = False
    one_set: bool = False


def positions(x: Trajectory, generator: torch.Generator | None = None) -> Trajectory:
    """Momenta estimated from positions."""
    return Trajectory.from_positions(x.times, x.q, x.bodies)


def noise(level: float) -> Callable[[Trajectory, torch.Generator], Trajectory]:
    """Gaussian noise of `level` times the root mean square of q and of p."""

    def see(x: Trajectory, generator: torch.Generator) -> Trajectory:
        return replace(x, q=_noisy(x.q, level, generator), p=_noisy(x.p, level, generator))

    return see


def _noisy(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return x + level * x.square().mean().sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def with_masses(x: Trajectory, mass: Tensor) -> Trajectory:
    """The same motion with other masses: p = m v."""
    bodies = Bodies.of(mass.expand_as(x.bodies.mass), x.bodies.features, x.bodies.mask)
    return Trajectory.from_velocities(x.times, x.q, x.p / x.bodies.mass[:, None, :, None], bodies)


def inferred(x: Trajectory, generator: torch.Generator) -> Trajectory:
    """Masses from the conservation of momentum and angular momentum."""
    velocity = x.p / x.bodies.mass[:, None, :, None]
    return with_masses(x, infer_masses(x.times, x.q, velocity, group=f"SE({x.dim})").mass)


def equal(x: Trajectory, generator: torch.Generator) -> Trajectory:
    """Every mass taken to be the same."""
    return with_masses(x, torch.ones_like(x.bodies.mass[0]))


KINDS = {
    "q, p": Kind(),
    "q": Kind(positions, "positions"),
    "q, p at irregular times": Kind(irregular=True),
    "q at irregular times": Kind(positions, "positions", irregular=True),
    "q, p, noise 0.1 %": Kind(noise(1e-3)),
    "q, p, noise 0.1 %, free states": Kind(noise(1e-3), "noisy"),
    "q, p, noise 1 %": Kind(noise(1e-2)),
    "q, p, noise 1 %, free states": Kind(noise(1e-2), "noisy"),
    "q, noise 0.1 %": Kind(lambda x, generator: positions(noise(1e-3)(x, generator)), "positions"),
    "one set of bodies": Kind(one_set=True),
    "one set, masses inferred": Kind(inferred, one_set=True),
    "one set, masses taken as 1": Kind(equal, one_set=True),
}


def training_data(law: System, kind: Kind, n: int, seed: int) -> Trajectory:
    """`n` trajectories as `kind` sees them."""
    generator = stream(seed, "train")
    state, bodies = law.sample(n, generator)
    times = law.times(POINTS)
    if kind.irregular:
        steps = 0.3 + 0.9 * torch.rand(n, POINTS - 1, generator=generator, dtype=times.dtype)
        steps = steps * (times[-1] / steps.sum(1, keepdim=True))
        times = torch.cat([torch.zeros(n, 1, dtype=times.dtype), steps.cumsum(1)], 1)
    return kind.see(solved(law, state, _shared(bodies) if kind.one_set else bodies, times), generator)


def test_windows(law: System, kind: Kind, n: int, seed: int) -> Trajectory:
    """`n` exact windows of 5 points of systems that were not trained on; of the same bodies where there is one set."""
    if not kind.one_set:
        return _standard(law.name, n)
    bodies = law.sample(n, stream(seed, "train"))[1]
    return solved(law, law.sample(n, stream(0, "test"))[0], _shared(bodies), law.times(5))


@lru_cache(maxsize=1)
def _standard(name: str, n: int) -> Trajectory:
    return SYSTEMS[name]().benchmark(0, n_test=n, method="exact").test


def solved(law: System, state: PhaseState, bodies: Bodies, times: Tensor) -> Trajectory:
    """The law's own solution."""
    path = law.solve(state, bodies, times)
    return Trajectory.of(times, path.q, path.p, bodies)


def _shared(bodies: Bodies) -> Bodies:
    return bodies.map(lambda x: x[:1].expand_as(x).contiguous())
