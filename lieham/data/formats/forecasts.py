"""This module writes forecasts to disk while they run, and reads them back."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from lieham._support.files import new_path
from lieham.data.formats.hdf5 import opened, read_attributes, set_attributes, to_array, to_tensor
from lieham.errors import FileError
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

FORECAST = "forecast"


def read_forecast(path: str | Path) -> tuple[Trajectory, dict]:
    """Read a forecast from a file.

    Args:
        path: a file that `TrajectoryWriter` has written, or the `.part` file of one that was cut short.

    Returns:
        The trajectories and the attributes. Of a forecast that was cut short these are the systems that were begun, as
        far as all of them got.

    Raises:
        FileError: the file is missing, damaged or no forecast, or holds fewer than 2 times.
    """
    with opened(path) as file:
        if FORECAST not in file:
            raise FileError(f"file must be a forecast, got {path} with {', '.join(file) or 'nothing'}")
        group = file[FORECAST]
        written = group["written"][()]
        rows = written >= 2
        if not rows.any():
            raise FileError(f"file must hold a forecast of at least 2 times, got {path} with {written.max()}")
        length = written[rows].min()
        times, q, p = (to_tensor(group[name][:, :length][rows]) for name in ("times", "q", "p"))
        bodies = Bodies(*(to_tensor(group[name][()][rows]) for name in ("mass", "features", "mask")))
        return Trajectory(times, q, p, bodies), read_attributes(file)


class TrajectoryWriter:
    """A writer that stores blocks of states: `with TrajectoryWriter(...) as sink: sink.write(rows, first, states)`.

    The file grows as `PATH.part`, which is flushed after every block and which `read_forecast` reads even after the
    process was killed. It takes its own name when the `with` block ends without an error.

    Args:
        path: the file to write. Its folder is made where it is missing.
        times: the times of all states, (k, time).
        bodies: the bodies of the k systems.
        attributes: the settings of the forecast, kept beside it.
        overwrite: True to replace a file that is there already.

    Raises:
        FileError: the file exists and `overwrite` is False.
    """

    def __init__(
        self,
        path: str | Path,
        times: Float[Tensor, "k time"],
        bodies: Bodies,
        attributes: dict,
        overwrite: bool = False,
    ) -> None:
        self.path = new_path(path, overwrite)
        self.partial = self.path.with_name(f"{self.path.name}.part")
        self.times, self.bodies, self.attributes = times, bodies, attributes

    def __enter__(self) -> TrajectoryWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = h5py.File(self.partial, "w")
        set_attributes(self.file, self.attributes)
        self.group = self.file.create_group(FORECAST)
        self.group["written"] = np.zeros(len(self.times), dtype=np.int64)
        self.group["times"] = to_array(self.times)
        for name in ("mass", "features", "mask"):
            self.group[name] = to_array(getattr(self.bodies, name))
        return self

    def write(self, rows: slice, first: int, states: PhaseState) -> None:
        """Write the states of some systems from a time index on, and flush the file.

        Args:
            rows: the slice of the systems, k' of them.
            first: the index of the first time.
            states: states (k', time', n, d).
        """
        k, time = self.times.shape
        for name, x in zip("qp", states, strict=True):
            values = to_array(x)
            if name not in self.group:
                shape = (k, time, *values.shape[2:])
                chunks = (1, min(time, 128), *values.shape[2:])
                self.group.create_dataset(name, shape, values.dtype, chunks=chunks, fillvalue=np.nan)
            self.group[name][rows, first : first + values.shape[1]] = values
        self.group["written"][rows] = first + states.q.shape[1]
        self.file.flush()

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.file.close()
        if kind is None:
            os.replace(self.partial, self.path)
