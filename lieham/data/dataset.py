"""This module holds datasets of trajectories in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from lieham.data.check import DataCheck, check
from lieham.data.provenance import Provenance
from lieham.errors import InputError, check_offers, expected
from lieham.groups import Group
from lieham.state import Trajectory

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """A dataset that holds trajectories in up to three splits.

    Splits may differ in length and in times, but not in dimension or in the number of features.

    Args:
        train: the trajectories to learn from, with q and p of shape (k, time, n, d).
        val: the trajectories that decide which weights are kept.
        test: the trajectories that nothing is chosen by.
        provenance: where the data come from, and how the states were observed.

    Raises:
        InputError: the splits differ in dimension or in features, one is a single trajectory without a batch axis, or
            all are absent.

    Example:
        >>> import torch
        >>> from lieham import Bodies, Trajectory
        >>> t = torch.linspace(0, 1, 11)
        >>> q = torch.stack([t, 0 * t], -1).expand(3, 2, 11, 2).transpose(1, 2)
        >>> x = Trajectory.from_positions(t, q, Bodies.of(torch.ones(3, 2)))
        >>> Dataset(train=x[:2], test=x[2:], provenance=Provenance(observed="positions"))
        Dataset(train=2x11, test=1x11, n=2, d=2, features=0)
    """

    kind: ClassVar[str] = "trajectories"
    train: Trajectory | None = None
    val: Trajectory | None = None
    test: Trajectory | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if not self.splits:
            raise InputError("a dataset must have at least one split with trajectories, got none")
        for name, split in self.splits.items():
            check_offers(name, split, "a Trajectory, as Trajectory.of makes", ("times", "q", "p", "bodies"))
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
        """Return the splits that are there, by name."""
        return {name: x for name in SPLITS if (x := getattr(self, name)) is not None}

    def with_provenance(self, **changes: object) -> Dataset:
        """Return the same trajectories, with fields or settings of their provenance replaced or added."""
        return replace(self, provenance=self.provenance.updated(**changes))

    def check(self, group: str | Group | None = None) -> DataCheck:
        """Check whether the trajectories are consistent, and which momenta are constant; nothing is changed.

        Args:
            group: the symmetry that is to be declared, whose momenta are compared with the data; None for none.

        Returns:
            A report, to be printed, or taken as a dictionary by `as_dict` (see `lieham.data.check.check`).
        """
        return check(self, group)

    @property
    def _first(self) -> Trajectory:
        return next(iter(self.splits.values()))

    @property
    def n_features(self) -> int:
        """Return the number of features of a body, not counting its mass."""
        return self._first.bodies.features.shape[-1]

    @property
    def n_bodies(self) -> int:
        """Return the number of bodies in a system, padding included."""
        return self._first.q.shape[-2]

    @property
    def dim(self) -> int:
        """Return the dimension d of space."""
        return self._first.dim

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={len(x)}x{x.times.shape[-1]}" for name, x in self.splits.items())
        return f"Dataset({sizes}, n={self.n_bodies}, d={self.dim}, features={self.n_features})"
