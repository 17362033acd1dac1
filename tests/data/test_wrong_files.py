"""Files that are broken are named, and nothing in them is executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from lieham.data import load, read, read_forecast
from lieham.errors import FileError, InputError, LiehamError
from tests.data.helpers import FORMATS, GOOD, over_formats, says, write_h5, write_npz

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


@pytest.mark.parametrize("call", [read, load, read_forecast])
def test_a_missing_an_empty_and_a_foreign_file(tmp_path, call):
    path = tmp_path / "data.h5"
    says(FileError, lambda: call(path), "data must be an existing file", str(path))
    path.touch()
    says(FileError, lambda: call(path), "data must be a file of trajectories", str(path), "empty")
    path.write_text("time,q\n0,1\n" * 500)
    says(FileError, lambda: call(path), "data must be a whole HDF5 file", str(path))
    path.unlink()
    path.mkdir()
    says(FileError, lambda: call(path), "data must be a file", str(path), "folder")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"not a zip at all" * 50, pickle.dumps({"q": [1]})])
def test_an_npz_that_is_none(tmp_path, content):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    says(FileError, lambda: read(path), "data must be", str(path))


def test_a_bare_array_is_no_npz(tmp_path):
    np.save(tmp_path / "q.npy", GOOD["q"])
    path = (tmp_path / "q.npy").rename(tmp_path / "own.npz")
    says(FileError, lambda: read(path), ".npz file of named arrays", str(path), "single array")


@pytest.mark.parametrize("name", ["data.csv", "data", "data.pt", "data.NPZ"])
def test_another_suffix(tmp_path, name):
    path = write_h5(tmp_path / name, **GOOD)
    says(FileError, lambda: read(path), "ends in .h5, .hdf5 or .npz", str(path))


@over_formats
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, "one byte"])
def test_a_truncated_file(tmp_path, name, share):
    path = FORMATS[name](tmp_path / name, **GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if share == "one byte" else whole[: int(share * len(whole))])
    says(FileError, lambda: read(path), "data must be a whole", str(path))
    path.write_bytes(whole)
    assert read(path).dim == 2


@pytest.mark.parametrize("name", ["own.npz", "split.h5"])
def test_a_damaged_file_is_read_or_refused_and_never_a_traceback(tmp_path, name):
    """One byte in 23 inverted, one at a time: h5py and zipfile raise a dozen kinds of exceptions for these."""
    path = FORMATS[name](tmp_path / name, **GOOD)
    whole, refused = path.read_bytes(), 0
    for i in range(0, len(whole), 23):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            read(path)
        except LiehamError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 10


def test_a_damaged_compressed_npz(tmp_path):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, **GOOD)
    whole = path.read_bytes()
    for i in range(0, len(whole), 7):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            read(path)
        except LiehamError as error:
            assert str(path) in str(error)


def test_groups_where_arrays_should_be_and_the_reverse(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("train/q")
    says(InputError, lambda: read(tmp_path / "a.h5"), "split train", "q must be an array", "got a group")
    says(InputError, lambda: read(write_h5(tmp_path / "b.h5", train=GOOD["q"])), "split train", "group of arrays")
    path = write_h5(tmp_path / "c.h5", **GOOD, **{"other/q": GOOD["q"]})
    says(InputError, lambda: read(path), str(path), "other must be an array", "got a group")
    says(
        FileError,
        lambda: load(write_h5(tmp_path / "d.h5", **GOOD)),
        "must have a group train, val, test",
        "with features",
    )
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["q"] = h5py.SoftLink("/nowhere")
    says(FileError, lambda: read(tmp_path / "e.h5"), "whole HDF5 file")


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("field", ["q", "mass", "note"])
def test_nothing_in_a_file_is_executed(tmp_path, field):
    proof = tmp_path / "executed"
    held = GOOD | {field: np.array([Payload(proof)], dtype=object)}
    path = tmp_path / "own.npz"
    np.savez(path, **held)
    says(FileError, lambda: read(path), "plain arrays", str(path), "Object arrays cannot be loaded")
    assert not proof.exists()
    with np.load(path, allow_pickle=True) as file:
        assert file[field] is not None and proof.exists()  # the payload works: whoever allows pickles runs it


@pytest.mark.parametrize("name", ["own.npz", "own.h5"])
def test_a_file_that_is_a_pickle_is_not_unpickled(tmp_path, name):
    proof, path = tmp_path / "executed", tmp_path / name
    path.write_bytes(pickle.dumps(Payload(proof)))
    says(FileError, lambda: read(path), "data must be", str(path))
    assert not proof.exists()
    pickle.loads(path.read_bytes())
    assert proof.exists()


def test_members_of_an_npz_that_are_no_arrays_are_refused(tmp_path):
    path = write_npz(tmp_path / "own.npz", **GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("setup.py", "raise SystemExit")
    says(InputError, lambda: read(path), str(path), "setup.py must be of real numbers")
