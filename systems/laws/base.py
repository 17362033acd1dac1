"""The contract of a system: a law with its initial states, its symmetry and a reference solution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import itemgetter

import torch

from lieham.data import Dataset, Provenance
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import check_count, expected
from lieham.integrate import Field, SeparableField, integrate
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems.checks import check_sizes
from systems.laws.draws import stream

Force = Callable[[Tensor], Tensor]
"""A function from positions (*batch, n, d) to forces (*batch, n, d)."""

POINTS = 5
"""The published protocol cuts a trajectory of 500 points into 100 aligned windows of 5 points."""


class System(ABC):
    """A law H = Σ|p_i|²/2m_i + V(q) with states to start from. A law gives a potential, a force and a draw of states.

    `symmetry` names the group under which H is invariant. `end` and `points` are the law's own time grid, `substeps`
    are the steps of the reference solution between two of its times, and `truth` is the method of `benchmark`.

    Args:
        n_bodies: the number of bodies, at least 1.
        dim: the dimension of space, 2 or 3.

    Raises:
        InputError: a setting is out of its range.

    Example:
        >>> from systems import Gravity
        >>> data = Gravity(n_bodies=3).generate(n_train=4, n_val=0, n_test=2, seed=1, points=5)
        >>> data
        Dataset(train=4x5, test=2x5, n=3, d=2, features=0)
        >>> data.provenance.law, data.provenance.seed, data.provenance.settings["softening"]
        ('gravity', 1, 0.3)
    """

    name: str
    units: str = "unit-less"
    end: float = 5.0
    points: int = 500
    substeps: int = 4
    truth: str = "exact"

    def __init__(self, n_bodies: int, dim: int) -> None:
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
        """Return the potential V(q) of every system of a batch."""

    @abstractmethod
    def force(self, bodies: Bodies) -> Force:
        """Return the function q ↦ −∇V(q) in closed form; what depends on the bodies alone is computed once."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        """Draw `n` initial states and their bodies, in float64; the draw depends on the generator alone."""

    def hamiltonian(self) -> Hamiltonian:
        """Return H as a Hamiltonian that is differentiated for its field, as a learned one is."""
        return SeparableHamiltonian(self.potential)

    def field(self, bodies: Bodies) -> Field:
        """Return the field of the closed-form force."""
        return SystemField(self, bodies)

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """The reference solution: Yoshida-6 with `substeps` steps between two times, unless the law has an exact one.

        On gravity's own grid, for 100 systems, it agrees with one of half the step to 2e-8 (median 7e-11) in 2-D and
        to 6e-10 (median 5e-12) in 3-D; close encounters make the difference.

        Args:
            state: initial states (*batch, n, d), at the first time.
            bodies: their bodies.
            times: (time,), or (*batch, time).

        Returns:
            States (*batch, time, n, d).
        """
        return integrate(self.field(bodies), state, times, "yoshida6", substeps=self.substeps)

    def times(self, points: int | None = None) -> Float[Tensor, " time"]:
        """Return the first `points` times of the law's own grid, by default all, in float64."""
        points = self.points if points is None else points
        check_count("points", points, 2)
        return torch.arange(points, dtype=torch.float64) * (self.end / (self.points - 1))

    def trajectories(
        self, n: int, seed: int, split: str, points: int | None = None, method: str = "exact"
    ) -> Trajectory:
        """Generate the trajectories of one split, in float64.

        Args:
            n: the number of trajectories.
            seed: the seed of their initial states.
            split: train, val or test, each with a random stream of its own.
            points: the number of times, from 0 on the law's own grid; all by default.
            method: "exact" for `solve`, or the name of an integrator that takes the steps of the grid.

        Returns:
            Trajectories with q and p of shape (n, points, n_bodies, dim).

        Raises:
            InputError: the split or the integrator has another name.
            IntegrationError: an orbit diverges.
        """
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
        """Generate full trajectories in three splits, in float64, with the same bytes for the same settings.

        The splits come from separate random streams, so the test split does not depend on how many train.

        Args:
            n_train: the number of trajectories to train with; a split of 0 is absent.
            n_val: the number of trajectories to validate with.
            n_test: the number of trajectories to test with.
            seed: the seed of the initial states.
            points: as in `trajectories`.
            method: as in `trajectories`.

        Returns:
            The dataset; its provenance holds every setting.

        Raises:
            InputError: a size is below 0, or all are 0.
            IntegrationError: an orbit diverges.
        """
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        check_sizes(sizes)
        splits = {k: self.trajectories(n, seed, k, points, method) for k, n in sizes.items() if n}
        return Dataset(**splits, provenance=self.provenance(seed=seed, method=method, protocol="full trajectories"))

    def benchmark(
        self, n_train: int, seed: int = 0, n_test: int = 2000, n_val: int = 0, method: str | None = None
    ) -> Dataset:
        """Generate data by the published protocol: one aligned window of 5 points of each trajectory, the rest unseen.

        A window begins at index 5 randint(100) of the law's grid of 500 points. The test windows depend neither on
        `n_train` nor on `seed`.

        Args:
            n_train: the number of windows to train with.
            seed: the seed of the windows to train and validate with.
            n_test: the number of windows to test with.
            n_val: the number of windows to validate with, which are data beside the `n_train`.
            method: as in `trajectories`; by default the law's `truth`.

        Returns:
            The dataset, in float64.

        Raises:
            InputError: a size is below 0, or all are 0.
        """
        sizes = {"train": (n_train, seed), "val": (n_val, seed), "test": (n_test, 0)}
        check_sizes({name: n for name, (n, _) in sizes.items()})
        method = self.truth if method is None else method
        splits = {name: self._windows(n, s, name, method) for name, (n, s) in sizes.items() if n}
        settings = {"seed": seed, "method": method, "protocol": f"one aligned window of {POINTS} points a trajectory"}
        return Dataset(**splits, provenance=self.provenance(**settings))

    def unseen(self, n: int, steps: int) -> Trajectory:
        """Solve `n` systems that no split contains, at `steps` + 1 times of the law's grid."""
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
        """The windows that begin at `first`; no trajectory is solved further than its own window."""
        times, row = self.times(), torch.arange(len(first))
        found = PhaseState(*(x.new_empty(len(first), POINTS, *x.shape[1:]) for x in state))
        for start in range(0, int(first.max()) + 1, POINTS):
            path = self.solve(state, bodies.map(itemgetter(row)), times[start : start + POINTS + 1])
            here = first[row] == start
            for x, y in zip(found, path, strict=True):
                x[row[here]] = y[here, :POINTS]
            state, row = PhaseState(*(x[~here, -1] for x in path)), row[~here]
        return found

    def provenance(self, **settings: object) -> Provenance:
        """Describe data of this law: its name, units, symmetry, step and every setting, and `settings` beside them."""
        own = {"law": self.name, "units": self.units, "symmetry": self.symmetry, "step": self.end / (self.points - 1)}
        return Provenance.of(own | {"n_bodies": self.n_bodies, "dim": self.dim} | self.parameters | settings)


class SystemField(SeparableField):
    """The field q̇ = p/m, ṗ = F(q), both in closed form."""

    linear_velocity = True

    def __init__(self, system: System, bodies: Bodies) -> None:
        self._force = system.force(bodies)
        self._inverse_mass = (bodies.mask / bodies.mass)[..., None]

    def velocity(self, t: Tensor, p: Tensor) -> Tensor:
        return p * self._inverse_mass

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return self._force(q)
