"""Datasets in memory, and random windows of their trajectories."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from lieham.errors import InputError, expected
from lieham.state import Trajectory
from lieham.typing import Int, Tensor

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """Trajectories in splits; `attributes` hold the law, units, seed, step and every generation setting.

    The splits may differ in length and in times, not in dimension or in features. InputError otherwise, and when
    all are absent.
    """

    train: Trajectory | None = None
    val: Trajectory | None = None
    test: Trajectory | None = None
    attributes: dict = field(default_factory=dict)

    def __post_init__(self):
        if not self.splits:
            raise InputError("a dataset must have at least one split with trajectories, got none")
        for name, split in self.splits.items():
            if split.q.ndim != 4:
                raise expected(f"q of {name}", "of shape (trajectories, time, n, d)", tuple(split.q.shape))
            for what, value, wanted in (
                ("d", split.dim, self.dim),
                ("features", split.bodies.features.shape[-1], self.n_features),
            ):
                if value != wanted:
                    raise expected(f"{what} of {name}", f"{wanted} like the other splits", value)

    @property
    def splits(self) -> dict[str, Trajectory]:
        """The splits that are there, by name."""
        return {name: x for name in SPLITS if (x := getattr(self, name)) is not None}

    @property
    def _first(self) -> Trajectory:
        return next(iter(self.splits.values()))

    @property
    def n_features(self) -> int:
        """Features of a body beside its mass."""
        return self._first.bodies.features.shape[-1]

    @property
    def n_bodies(self) -> int:
        """Bodies in a system, padding included."""
        return self._first.q.shape[-2]

    @property
    def dim(self) -> int:
        """Space dimension."""
        return self._first.dim

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={len(x)}x{x.times.shape[-1]}" for name, x in self.splits.items())
        return f"Dataset({sizes}, n={self.n_bodies}, d={self.dim}, features={self.n_features})"


class Windows:
    """Every piece of `length` points of a batch of trajectories, numbered; sampling gathers, it does not loop.

    InputError when the trajectories are shorter than a window.
    """

    def __init__(self, trajectory: Trajectory, length: int):
        if trajectory.q.ndim != 4:
            raise expected("q", "of shape (trajectories, time, n, d)", tuple(trajectory.q.shape))
        points = trajectory.times.shape[-1]
        if not 2 <= length <= points:
            raise expected("window", f"between 2 and the {points} points of a trajectory", length)
        self.trajectory, self.length = trajectory, length
        self.starts = points - length + 1

    def __len__(self) -> int:
        return len(self.trajectory) * self.starts

    def __getitem__(self, index: Int[Tensor, " batch"]) -> Trajectory:
        """The windows of these numbers: trajectory index // starts, from time index % starts on."""
        x = self.trajectory
        index = index.to(x.q.device)
        row = index // self.starts
        place = (row[:, None], (index % self.starts)[:, None] + torch.arange(self.length, device=index.device))
        return Trajectory(x.times[place], x.q[place], x.p[place], x.bodies.map(lambda y: y[row]))

    def sample(self, count: int, generator: torch.Generator) -> Trajectory:
        """`count` windows, uniform with replacement; the draw depends on the generator's state alone."""
        return self[torch.randint(len(self), (count,), generator=generator)]

    def all(self) -> Trajectory:
        """All windows in order."""
        return self[torch.arange(len(self))]
