"""The contract of a system: a law with its initial states, its symmetry and a reference solution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch

from lieham.data import Dataset, Provenance
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import InputError, check_choice, check_count, expected
from lieham.integrate import Field, SeparableField, integrate
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

Force = Callable[[Tensor], Tensor]
"""Positions (*batch, n, d) to forces (*batch, n, d)."""

SPLIT_SEEDS = {"train": 0, "val": 1, "test": 2}

POINTS = 5
"""The published protocol cuts a trajectory of 500 points into 100 aligned windows of 5 points."""


class System(ABC):
    """A law H = Σ|p_i|²/2m_i + V(q) of `n_bodies` bodies in `dim` dimensions, and states to start from.

    `symmetry` names the group under which H is invariant; `end` and `points` are the law's own time grid, `substeps`
    the steps of the reference solution between two of its times, `truth` the method of its `benchmark`.
    """

    name: str
    units: str = "unit-less"
    end: float = 5.0
    points: int = 500
    substeps: int = 4
    truth: str = "exact"

    def __init__(self, n_bodies: int, dim: int):
        check_count("n_bodies", n_bodies, 1)
        if dim not in (2, 3):
            raise expected("dim", "2 or 3", dim)
        self.n_bodies, self.dim = n_bodies, dim
        self.symmetry = f"SE({dim})"

    @property
    @abstractmethod
    def parameters(self) -> dict:
        """Every setting of the law by the name of its argument."""

    @abstractmethod
    def potential(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        """V(q)."""

    @abstractmethod
    def force(self, bodies: Bodies) -> Force:
        """q ↦ −∇V(q) in closed form, what depends on the bodies alone computed once."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        """`n` random initial states and their bodies, float64."""

    def hamiltonian(self) -> Hamiltonian:
        """H as a Hamiltonian whose field is differentiated, as a learned one is."""
        return SeparableHamiltonian(self.potential)

    def field(self, bodies: Bodies) -> Field:
        """The field with the closed-form force."""
        return SystemField(self, bodies)

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """The reference solution at `times`: Yoshida-6 with `substeps` steps between two of them, unless the law has an
        exact one. On gravity's own grid, 100 systems, it agrees with a two times finer one to 2e-8 (median 7e-11) in
        2-D and to 6e-10 (median 5e-12) in 3-D: close encounters make the difference (`tests/test_systems.py`)."""
        return integrate(self.field(bodies), state, times, "yoshida6", substeps=self.substeps)

    def times(self, points: int | None = None) -> Float[Tensor, " time"]:
        """The first `points` of the law's own grid, float64."""
        points = self.points if points is None else points
        check_count("points", points, 2)
        return torch.arange(points, dtype=torch.float64) * (self.end / (self.points - 1))

    def trajectories(
        self, n: int, seed: int, split: str, points: int | None = None, method: str = "exact"
    ) -> Trajectory:
        """`n` trajectories of one split; `method` "exact" is `solve`, any other an integrator on the grid."""
        state, bodies = self.sample(n, stream(seed, split))
        times = self.times(points)
        path = self._path(state, bodies, times, method)
        return Trajectory.of(times, path.q, path.p, bodies)

    def _path(self, state: PhaseState, bodies: Bodies, times: Tensor, method: str) -> PhaseState:
        if method == "exact":
            return self.solve(state, bodies, times)
        return integrate(self.field(bodies), state, times, method)

    def generate(
        self,
        n_train: int,
        n_val: int = 20,
        n_test: int = 100,
        seed: int = 0,
        points: int | None = None,
        method: str = "exact",
    ) -> Dataset:
        """Full trajectories in three splits, float64, the same bytes for the same settings.

        The splits come from separate random streams, so the test split does not depend on how many train. A split of
        0 trajectories is left out. Raises InputError on sizes below 0 and IntegrationError on a diverging orbit.
        """
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        check_sizes(sizes)
        splits = {k: self.trajectories(n, seed, k, points, method) for k, n in sizes.items() if n}
        return Dataset(**splits, provenance=self.provenance(seed=seed, method=method, protocol="full trajectories"))

    def benchmark(
        self, n_train: int, seed: int = 0, n_test: int = 2000, n_val: int = 0, method: str | None = None
    ) -> Dataset:
        """The published protocol: one aligned window of 5 points of each trajectory, the rest unseen, float64.

        A window begins at index 5 randint(100) of the law's grid of 500 points. `method` is as in `trajectories`, by
        default the law's `truth`. The test windows depend neither on `n_train` nor on `seed`. Windows for validation
        are data beside the `n_train`: there are none unless asked for. Raises InputError on sizes below 0.
        """
        sizes = {"train": (n_train, seed), "val": (n_val, seed), "test": (n_test, 0)}
        check_sizes({name: n for name, (n, _) in sizes.items()})
        method = self.truth if method is None else method
        splits = {name: self._windows(n, s, name, method) for name, (n, s) in sizes.items() if n}
        settings = {"seed": seed, "method": method, "protocol": f"one aligned window of {POINTS} points a trajectory"}
        return Dataset(**splits, provenance=self.provenance(**settings))

    def unseen(self, n: int, steps: int) -> Trajectory:
        """`n` systems that no split contains, by `solve`, at `steps` + 1 times of the law's grid."""
        state, bodies = self.sample(n, torch.Generator().manual_seed(2**31 - 1))
        times = self.times(steps + 1)
        path = self.solve(state, bodies, times)
        return Trajectory.of(times, path.q, path.p, bodies)

    def _windows(self, n: int, seed: int, split: str, method: str) -> Trajectory:
        generator = stream(seed, split)
        state, bodies = self.sample(n, generator)
        first = POINTS * torch.randint(self.points // POINTS, (n,), generator=generator)
        times, index = self.times(), first[:, None] + torch.arange(POINTS)
        if method == "exact":
            q, p = self._sweep(state, bodies, first)
        else:
            row = torch.arange(n)[:, None]
            q, p = (x[row, index] for x in self._path(state, bodies, times, method))
        return Trajectory.of(times[index], q, p, bodies)

    def _sweep(self, state: PhaseState, bodies: Bodies, first: Tensor) -> PhaseState:
        """The windows that begin at `first`, each trajectory solved no further than its own."""
        times, row = self.times(), torch.arange(len(first))
        found = PhaseState(*(x.new_empty(len(first), POINTS, *x.shape[1:]) for x in state))
        for start in range(0, int(first.max()) + 1, POINTS):
            path = self.solve(state, bodies.map(lambda x, row=row: x[row]), times[start : start + POINTS + 1])
            here = first[row] == start
            for x, y in zip(found, path, strict=True):
                x[row[here]] = y[here, :POINTS]
            state, row = PhaseState(*(x[~here, -1] for x in path)), row[~here]
        return found

    def provenance(self, **settings: object) -> Provenance:
        """What is written beside the data: law, units, symmetry, step, every setting of the law, and `settings`."""
        own = {"law": self.name, "units": self.units, "symmetry": self.symmetry, "step": self.end / (self.points - 1)}
        return Provenance.of(own | {"n_bodies": self.n_bodies, "dim": self.dim} | self.parameters | settings)


class SystemField(SeparableField):
    """q̇ = p/m, ṗ = F(q), both in closed form."""

    linear_velocity = True

    def __init__(self, system: System, bodies: Bodies):
        self._force = system.force(bodies)
        self._inverse_mass = (bodies.mask / bodies.mass)[..., None]

    def velocity(self, t: Tensor, p: Tensor) -> Tensor:
        return p * self._inverse_mass

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return self._force(q)


def stream(seed: int, split: str) -> torch.Generator:
    """A generator of its own for each seed and split."""
    check_choice("split", split, tuple(SPLIT_SEEDS))
    return torch.Generator().manual_seed(1_000_003 * seed + SPLIT_SEEDS[split])


def check_sizes(sizes: dict[str, int]) -> None:
    """Raise InputError on a split of fewer than 0 trajectories, and when all are empty."""
    for split, size in sizes.items():
        check_count(f"n_{split}", size, 0)
    if not any(sizes.values()):
        raise InputError("n_train, n_val and n_test must not all be 0")


def pair_weights(strength: Float[Tensor, "*batch n"], bodies: Bodies) -> Float[Tensor, "*batch n n"]:
    """s_i s_j of real bodies i ≠ j, and 0."""
    s = strength * bodies.mask
    n = s.shape[-1]
    return s[..., :, None] * s[..., None, :] * (1 - torch.eye(n, dtype=s.dtype, device=s.device))


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """u in [0, 1), float64."""
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """N(0, 1), float64."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)
