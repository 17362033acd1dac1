"""Datasets in memory, and random windows of their trajectories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lieham.errors import InputError, expected
from lieham.state import Trajectory

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """Trajectories in splits; `attributes` hold the law, units, seed, step and every generation setting.

    The splits may differ in length and in times, not in dimension or in features. InputError otherwise, and when
    all are absent.
    """

    kind: ClassVar[str] = "trajectories"
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
