"""This module defines `lieham generate`, which writes trajectories of a law to an HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lieham
from lieham._support.names import naming
from lieham.cli.command import Command
from lieham.errors import FileError, InputError, check_choice
from systems.names import LAWS


@naming(laws=LAWS)
@dataclass(frozen=True)
class Generate(Command):
    """Generate trajectories of a law and write them to an HDF5 file.

    Args:
        law: name of the law: {laws}.
        out: file to write; LAW.h5 in the working directory by default.
        n_train: number of training trajectories.
        n_val: number of validation trajectories.
        n_test: number of test trajectories; they are the same whatever n_train is.
        n_bodies: number of bodies in a system.
        dim: dimension of space, 2 or 3; by default 2, and 3 for the laws with an external field.
        points: number of stored times of a trajectory, from time 0 on the law's own grid; by default 500.
        seed: seed of the initial states.
        benchmark: follow the published protocol of the springs, for any law: one window of 5 points a trajectory.
        overwrite: replace the file if it exists.
    """

    law: str
    out: Path | None = None
    n_train: int = 100
    n_val: int = 20
    n_test: int = 100
    n_bodies: int = 6
    dim: int | None = None
    points: int | None = None
    seed: int = 0
    benchmark: bool = False
    overwrite: bool = False

    def __call__(self) -> None:
        from lieham.data import save

        check_choice("law", self.law, LAWS)
        out = Path(f"{self.law}.h5") if self.out is None else self.out
        if out.exists() and not self.overwrite:
            raise FileError(f"out must be a new file, got {out}, which exists: give --overwrite")
        data = self._trajectories()
        save(data, out, overwrite=self.overwrite)
        print(f"wrote {out}: {data}")

    def _trajectories(self) -> lieham.Dataset:
        from systems import SYSTEMS

        system = SYSTEMS[self.law](n_bodies=self.n_bodies, **({} if self.dim is None else {"dim": self.dim}))
        if not self.benchmark:
            points = 500 if self.points is None else self.points
            return system.generate(self.n_train, self.n_val, self.n_test, seed=self.seed, points=points)
        if self.points is not None:
            raise InputError(f"points must not be given with --benchmark, whose windows have 5, got {self.points}")
        return system.benchmark(self.n_train, self.seed, self.n_test, self.n_val)
