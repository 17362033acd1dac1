"""HDF5 files: datasets whole or absent, forecasts written while they run.

Layout: one group a split with `times` (k, time), `q`, `p` (k, time, n, d) chunked (1, time, n, d), `mass` (k, n),
`features` (k, n, c) and, where bodies are padded, `mask` (k, n); attributes on the root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.errors import FileError, InputError, LiehamError, expected
from lieham.files import must_exist, replacing
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

FORECAST = "forecast"


def save(dataset: Dataset, path: str | Path, overwrite: bool = False) -> Path:
    """Write a dataset, whole or not at all; FileError when the file exists and `overwrite` is False."""
    path = new_path(path, overwrite)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        _set_attributes(file, dataset.attributes)
        for name, split in dataset.splits.items():
            _write(file.create_group(name), split)
    return path


def load(path: str | Path, masses: str = "") -> Dataset:
    """Read and validate a file written by `save`, or one of the same layout; `masses` as in `read`.

    Raises FileError when it is missing, empty, truncated or not HDF5; InputError naming the split when an array is
    missing, of a wrong shape, or holds values that a trajectory cannot.
    """
    with opened(path) as file:
        found = [name for name in SPLITS if name in file]
        if not found:
            raise FileError(
                f"data must have a group {', '.join(SPLITS)}, got {path} with {', '.join(file) or 'nothing'}"
            )
        arrays = {name: read_arrays(file[name], f"{path}, split {name}") for name in found}
        attributes = _attributes(file)
    if masses and any("mass" not in x for x in arrays.values()):
        raise InputError(f"{path}: masses can be inferred of files without splits, got one with splits and no mass")
    splits = {name: trajectory_of(x, f"{path}, split {name}") for name, x in arrays.items()}
    if any(only_positions(x) for x in arrays.values()):
        attributes = attributes | {"observed": "positions"}
    return Dataset(**splits, attributes=attributes)


def read_forecast(path: str | Path) -> tuple[Trajectory, dict]:
    """The trajectories and attributes of a forecast; of one cut short, the systems begun, as far as all of them got."""
    with opened(path) as file:
        if FORECAST not in file:
            raise FileError(f"file must be a forecast, got {path} with {', '.join(file) or 'nothing'}")
        group = file[FORECAST]
        written = group["written"][()]
        rows = written >= 2
        if not rows.any():
            raise FileError(f"file must hold a forecast of at least 2 times, got {path} with {written.max()}")
        length = written[rows].min()
        times, q, p = (_tensor(group[name][:, :length][rows]) for name in ("times", "q", "p"))
        bodies = Bodies(*(_tensor(group[name][()][rows]) for name in ("mass", "features", "mask")))
        return Trajectory(times.to(q.dtype), q, p, bodies), _attributes(file)


class TrajectoryWriter:
    """Writes a forecast block by block: `with TrajectoryWriter(...) as sink: sink.write(rows, first, q, p)`.

    The file grows as `PATH.part`, flushed after every block and readable after a kill by `read_forecast`; it takes
    its own name when the block ends without an error. FileError when `path` exists and `overwrite` is False.
    """

    def __init__(
        self,
        path: str | Path,
        times: Float[Tensor, "k time"],
        bodies: Bodies,
        attributes: dict,
        overwrite: bool = False,
    ):
        self.path = new_path(path, overwrite)
        self.partial = self.path.with_name(f"{self.path.name}.part")
        self.times, self.bodies, self.attributes = times, bodies, attributes

    def __enter__(self) -> TrajectoryWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = h5py.File(self.partial, "w")
        _set_attributes(self.file, self.attributes)
        self.group = self.file.create_group(FORECAST)
        self.group["written"] = np.zeros(len(self.times), dtype=np.int64)
        self.group["times"] = _array(self.times)
        for name in ("mass", "features", "mask"):
            self.group[name] = _array(getattr(self.bodies, name))
        return self

    def write(self, rows: slice, first: int, states: PhaseState) -> None:
        """States (k', time', n, d) of the trajectories `rows` from time index `first` on."""
        k, time = self.times.shape
        for name, x in zip("qp", states, strict=True):
            values = _array(x)
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


def new_path(path: str | Path, overwrite: bool) -> Path:
    """The path, if it may be written; FileError otherwise."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileError(f"file must be a new one, got {path}, which exists: remove it or say overwrite=True")
    return path


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading, and for nothing else; FileError when that fails."""
    with broken_means("a whole HDF5 file", not_empty(path)), h5py.File(path, "r") as file:
        yield file


def not_empty(path: str | Path) -> Path:
    """The path, if it is a file that holds something; FileError otherwise."""
    path = must_exist(path, "data")
    if not path.is_file():
        raise FileError(f"data must be a file, got {path}, which is a folder")
    if path.stat().st_size == 0:
        raise FileError(f"data must be a file of trajectories, got {path}, which is empty")
    return path


@contextmanager
def broken_means(kind: str, path: Path) -> Iterator[None]:
    """FileError `data must be KIND` for whatever a reader raises: a damaged file makes h5py, numpy and zipfile raise
    KeyError, TypeError, ValueError, MemoryError, zlib.error and more."""
    try:
        yield
    except LiehamError:
        raise
    except Exception as error:
        raise FileError(f"data must be {kind}, got {path}: {' '.join(str(error).split())}") from error


def read_arrays(group: h5py.Group, where: str) -> dict[str, np.ndarray]:
    """Every array of a group by its name; InputError when there is anything but arrays."""
    if not isinstance(group, h5py.Group):
        raise InputError(f"{where}: it must be a group of arrays, got an array")
    for name in group:
        if not isinstance(group[name], h5py.Dataset):
            raise InputError(f"{where}: {name} must be an array, got a group")
    return {name: group[name][()] for name in group}


def _write(group: h5py.Group, x: Trajectory) -> None:
    group["times"] = _array(x.times)
    for name in "qp":
        values = _array(getattr(x, name))
        group.create_dataset(name, data=values, chunks=(1, *values.shape[1:]))
    group["mass"], group["features"] = _array(x.bodies.mass), _array(x.bodies.features)
    if not bool(x.bodies.mask.all()):
        group["mask"] = _array(x.bodies.mask)


def _set_attributes(file: h5py.File, attributes: dict) -> None:
    for name, value in attributes.items():
        try:
            file.attrs[name] = value
        except (TypeError, ValueError) as error:
            raise expected(f"attribute {name}", "text, a number, or a list of one of them", repr(value)) from error


def _attributes(file: h5py.File) -> dict:
    return {name: _plain(value) for name, value in file.attrs.items()}


def _plain(value: object) -> object:
    """An attribute as JSON knows it."""
    if isinstance(value, h5py.Empty):
        return None
    value = np.asarray(value)
    return (np.char.decode(value, "utf-8", "replace") if value.dtype.kind == "S" else value).tolist()


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()


def _tensor(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))
