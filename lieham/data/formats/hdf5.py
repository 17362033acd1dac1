"""HDF5 files: datasets whole or absent, forecasts written while they run.

Layout: one group a split with `times` (k, time), `q`, `p` (k, time, n, d) chunked (1, time, n, d), `mass` (k, n),
`features` (k, n, c) and, where bodies are padded, `mask` (k, n); attributes on the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from lieham._support.files import replacing
from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.formats.guards import broken_means, not_empty
from lieham.errors import FileError, InputError, expected
from lieham.state import Trajectory
from lieham.typing import Tensor


def save(dataset: Dataset, path: str | Path, overwrite: bool = False) -> Path:
    """Write a dataset, whole or not at all; FileError when the file exists and `overwrite` is False."""
    path = new_path(path, overwrite)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        set_attributes(file, dataset.attributes)
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
        attributes = read_attributes(file)
    if masses and any("mass" not in x for x in arrays.values()):
        raise InputError(f"{path}: masses can be inferred of files without splits, got one with splits and no mass")
    splits = {name: trajectory_of(x, f"{path}, split {name}") for name, x in arrays.items()}
    if any(only_positions(x) for x in arrays.values()):
        attributes = attributes | {"observed": "positions"}
    return Dataset(**splits, attributes=attributes)


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


def read_arrays(group: h5py.Group, where: str) -> dict[str, np.ndarray]:
    """Every array of a group by its name; InputError when there is anything but arrays."""
    if not isinstance(group, h5py.Group):
        raise InputError(f"{where}: it must be a group of arrays, got an array")
    for name in group:
        if not isinstance(group[name], h5py.Dataset):
            raise InputError(f"{where}: {name} must be an array, got a group")
    return {name: group[name][()] for name in group}


def _write(group: h5py.Group, x: Trajectory) -> None:
    group["times"] = to_array(x.times)
    for name in "qp":
        values = to_array(getattr(x, name))
        group.create_dataset(name, data=values, chunks=(1, *values.shape[1:]))
    group["mass"], group["features"] = to_array(x.bodies.mass), to_array(x.bodies.features)
    if not bool(x.bodies.mask.all()):
        group["mask"] = to_array(x.bodies.mask)


def set_attributes(file: h5py.File, attributes: dict) -> None:
    """Write attributes; InputError naming the first that HDF5 cannot hold."""
    for name, value in attributes.items():
        try:
            file.attrs[name] = value
        except (TypeError, ValueError) as error:
            raise expected(f"attribute {name}", "text, a number, or a list of one of them", repr(value)) from error


def read_attributes(file: h5py.File) -> dict:
    """The attributes of a file, as JSON knows them."""
    return {name: _plain(value) for name, value in file.attrs.items()}


def _plain(value: object) -> object:
    """An attribute as JSON knows it."""
    if isinstance(value, h5py.Empty):
        return None
    value = np.asarray(value)
    return (np.char.decode(value, "utf-8", "replace") if value.dtype.kind == "S" else value).tolist()


def to_array(x: Tensor) -> np.ndarray:
    """A tensor as a NumPy array on the CPU."""
    return x.detach().cpu().numpy()


def to_tensor(x: np.ndarray) -> Tensor:
    """An array as a tensor that owns its memory layout."""
    return torch.from_numpy(np.ascontiguousarray(x))
