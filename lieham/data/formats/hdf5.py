"""This module reads and writes datasets as HDF5; a file is written whole or not at all.

The layout is one group for each split with `times` (k, time), `q` and `p` (k, time, n, d) in chunks of
(1, time, n, d), `mass` (k, n), `features` (k, n, c) and, where bodies are padded, `mask` (k, n), and where they are
known, `forces` like q and `energy` (k, time); the provenance is in the attributes of the root. A file may also hold
such arrays at its root, without splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from lieham._support.files import new_path, replacing
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.formats.contents import Arrays, Contents, Format
from lieham.data.formats.guards import broken_means, not_empty
from lieham.errors import InputError, expected
from lieham.state import Trajectory
from lieham.typing import Tensor


def read_hdf5(path: Path) -> Contents:
    """Read the arrays of every split, or those at the root of a file without splits, and the attributes.

    Raises:
        FileError: the file is missing, empty, truncated or not HDF5.
        InputError: there is a group where an array should be, or an array where a split should be.
    """
    with opened(path) as file:
        found = [name for name in SPLITS if name in file]
        if not found:
            return Contents({"": _read_arrays(file, str(path))})
        splits = {name: _read_arrays(file[name], f"{path}, split {name}") for name in found}
        return Contents(splits, read_attributes(file))


HDF5 = Format((".h5", ".hdf5"), read_hdf5)


def save(dataset: Dataset, path: str | Path, overwrite: bool = False) -> Path:
    """Write a dataset to an HDF5 file, whole or not at all.

    Args:
        dataset: trajectories in splits; `provenance` becomes the attributes of the file.
        path: the file to write. Its folder is made where it is missing.
        overwrite: True to replace a file that is there already.

    Returns:
        The path.

    Raises:
        FileError: the file exists and `overwrite` is False.
        InputError: a setting of the provenance is of a kind that HDF5 does not hold.
    """
    path = new_path(path, overwrite)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        set_attributes(file, dataset.provenance.as_dict())
        for name, split in dataset.splits.items():
            _write(file.create_group(name), split)
    return path


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading only; raise FileError if that fails."""
    with broken_means("a whole HDF5 file", not_empty(path)), h5py.File(path, "r") as file:
        yield file


def _read_arrays(group: h5py.Group, where: str) -> Arrays:
    """Return every array of a group by its name; raise InputError if it holds anything but arrays."""
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
    for name, label in x.labels.items():
        if label is not None:
            group.create_dataset(name, data=to_array(label), chunks=(1, *label.shape[1:]))
    if not bool(x.bodies.mask.all()):
        group["mask"] = to_array(x.bodies.mask)


def set_attributes(file: h5py.File, attributes: Mapping[str, object]) -> None:
    """Write the attributes of a file; raise InputError naming the first that HDF5 cannot hold."""
    for name, value in attributes.items():
        try:
            file.attrs[name] = value
        except (TypeError, ValueError) as error:
            raise expected(f"attribute {name}", "text, a number, or a list of one of them", repr(value)) from error


def read_attributes(file: h5py.File) -> dict[str, object]:
    """Return the attributes of a file as plain data that JSON can hold."""
    return {name: _plain(value) for name, value in file.attrs.items()}


def _plain(value: object) -> object:
    """Return an attribute as plain data that JSON can hold."""
    if isinstance(value, h5py.Empty):
        return None
    array = np.asarray(value)
    return (np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array).tolist()


def to_array(x: Tensor) -> np.ndarray:
    """Return a tensor as a NumPy array on the CPU."""
    return x.detach().cpu().numpy()


def to_tensor(x: np.ndarray) -> Tensor:
    """Return an array as a tensor whose memory is contiguous."""
    return torch.from_numpy(np.ascontiguousarray(x))
