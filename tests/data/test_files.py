"""What save writes, load reads, bit for bit."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from lieham._support.files import new_path
from lieham.data import Dataset, Provenance, formats, load, read, save
from lieham.data.formats import FORMATS as SUFFIXES
from lieham.data.formats.contents import Contents, Format
from lieham.errors import FileError, InputError
from tests.data.helpers import GOOD, arrays, assert_same, make, says, write_split

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


# What save writes, load reads


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("c", [0, 2])
def test_a_saved_dataset_comes_back_bit_for_bit(tmp_path, dtype, padded, c):
    attributes = {"law": "springs", "step": 0.1, "seed": 7, "centred": True, "range": [1.5, 2.5], "of": ["a", "b"]}
    splits = {"train": make(5, c=c, padded=padded), "test": make(2, time=9, n=4, c=c, seed=50, padded=padded)}
    before = Dataset(**{name: x.to(dtype=dtype) for name, x in splits.items()}, provenance=Provenance.of(attributes))
    after = load(save(before, tmp_path / "deep" / "data.h5"))
    assert after.provenance == before.provenance and after.val is None
    held = after.provenance.as_dict()
    assert held == attributes
    assert {name: type(x) for name, x in held.items()} == {name: type(x) for name, x in attributes.items()}
    for name, split in before.splits.items():
        assert_same(split, after.splits[name])
    assert not padded or not bool(after.train.bodies.mask.all())


def test_load_is_what_read_does_with_splits(tmp_path):
    path = save(Dataset(make(), make(2), make(1)), tmp_path / "data.h5")
    for name, split in load(path).splits.items():
        assert_same(split, read(path, seed=5).splits[name])


def test_the_layout_is_the_documented_one(tmp_path):
    with h5py.File(save(Dataset(make(padded=True)), tmp_path / "data.h5")) as file:
        group = file["train"]
        assert set(group) == {"times", "q", "p", "mass", "features", "mask"}
        assert group["times"].shape == (4, 6) and group["q"].shape == (4, 6, 3, 2)
        assert group["q"].chunks == group["p"].chunks == (1, 6, 3, 2)
        assert group["mask"].dtype == bool


def test_nothing_is_overwritten_unasked(tmp_path):
    first, second = Dataset(make(seed=1)), Dataset(make(seed=2))
    path = save(first, tmp_path / "data.h5")
    old = path.read_bytes()
    says(FileError, lambda: save(second, path), "must be a new one", str(path), "overwrite=True")
    says(FileError, lambda: new_path(path, False), "must be a new one", str(path))
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["data.h5"]
    save(second, path, overwrite=True)
    assert_same(load(path).train, second.train)


def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = save(Dataset(make(seed=1)), tmp_path / "data.h5")
    old = path.read_bytes()
    bad = Dataset(make(seed=2), provenance=Provenance(settings={"lens": object()}))
    says(InputError, lambda: save(bad, path, overwrite=True), "attribute lens must be text, a number", "got <object")
    torn = replace(make(seed=2), p="not a tensor")
    with pytest.raises(AttributeError):
        save(Dataset(torn), path, overwrite=True)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["data.h5"]
    with pytest.raises(InputError):
        save(bad, tmp_path / "new.h5")
    assert os.listdir(tmp_path) == ["data.h5"]


def test_attributes_of_other_programs_are_read_as_json_knows_them(tmp_path):
    path = write_split(tmp_path / "data.h5", **arrays(make()))
    with h5py.File(path, "a") as file:
        file.attrs["bytes"], file.attrs["list"] = np.bytes_(b"hi"), np.array([1, 2])
        file.attrs["nothing"], file.attrs["names"] = h5py.Empty("f"), np.array([b"a", b"bc"])
    settings = load(path).provenance.settings
    assert json.loads(json.dumps(settings)) == {
        "bytes": "hi",
        "list": [1, 2],
        "nothing": None,
        "names": ["a", "bc"],
    }


def test_splits_of_other_dimension_or_features_do_not_go_together():
    says(InputError, lambda: Dataset(make(d=2), make(d=3)), "d of val must be 2", "got 3")
    says(InputError, lambda: Dataset(make(c=1), None, make(c=0)), "features of test must be 1", "got 0")
    says(InputError, Dataset, "at least one split")
    one = make()[0]
    says(InputError, lambda: Dataset(one), "q of train must be of shape (trajectories, time, n, d)", "got (6, 3, 2)")


def test_a_dataset_counts_what_it_holds():
    data = Dataset(make(4, 6, 3, 2, c=2), test=make(2, 9, 5, 2, c=2))
    assert (data.n_bodies, data.dim, data.n_features, list(data.splits)) == (3, 2, 2, ["train", "test"])
    assert repr(data) == "Dataset(train=4x6, test=2x9, n=3, d=2, features=2)"


# Where they come from


FULL = Provenance(
    *("positions", "springs", "SI", "camera 3", "/a.h5", "T(2)", "by trajectory", 7),
    *("u0", "eV", True, 10, "RotMNIST", "digits", "0.8,0.2,0", 7, {"lens": [1.5, 2.0], "split_seed": 3}),
)


def test_a_provenance_is_a_flat_dictionary_and_back():
    held = FULL.as_dict()
    assert json.loads(json.dumps(held)) == held and set(held) == {*vars(FULL), "lens", "split_seed"} - {"settings"}
    assert Provenance.of(held) == FULL and Provenance().as_dict() == {} and Provenance.of({}) == Provenance()


def test_a_provenance_outlives_a_file_and_the_defaults_are_left_out(tmp_path):
    path = save(Dataset(make(), provenance=FULL), tmp_path / "data.h5")
    assert load(path).provenance == FULL
    with h5py.File(save(Dataset(make()), tmp_path / "plain.h5")) as file:
        assert not file.attrs.keys()


def test_what_a_stranger_calls_by_a_known_name_does_not_steer_unless_it_means_that():
    """Values of another type are kept, and no field moves; a wrong `observed` is refused, since `fit` acts on it."""
    foreign = {"seed": [1, 2], "split": 0.8, "extensive": 1, "classes": True, "masses": [1.0], "weather": "rain"}
    known = Provenance.of(foreign)
    assert known.settings == foreign and replace(known, settings={}) == Provenance() and known.as_dict() == foreign
    says(InputError, lambda: Provenance.of({"observed": "by eye"}), "observed must be one of exact, noisy, positions")
    says(InputError, lambda: Provenance.of({"observed": 3}), "observed must be text", "got 3")


WRONG = {
    "observed": (lambda: Provenance(observed="eye"), ("observed must be one of", "got 'eye'")),
    "a number for a text": (lambda: Provenance(law=3), ("law must be text", "got 3")),
    "a text for a number": (lambda: Provenance(seed="3"), ("seed must be an integer", "got '3'")),
    "a number for a truth": (lambda: Provenance(extensive=1), ("extensive must be True or False", "got 1")),
    "a truth for a number": (lambda: Provenance(classes=True), ("classes must be an integer", "got True")),
    "no class": (lambda: Provenance(classes=0), ("classes must be at least 1", "got 0")),
    "a field in settings": (
        lambda: Provenance(settings={"observed": "positions"}),
        ("settings must not hold observed", "Provenance as observed="),
    ),
    "updated by another type": (lambda: FULL.updated(file=Path("a")), ("file must be text",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_provenance_of_wrong_values_is_refused(case):
    call, parts = WRONG[case]
    says(InputError, call, *parts)


def test_a_dataset_is_given_another_provenance_and_stays_as_it_was():
    before = Dataset(make(), provenance=FULL)
    after = before.with_provenance(file="/b.h5", lens=2)
    assert (after.provenance.file, after.provenance.settings["lens"]) == ("/b.h5", 2)
    assert before.provenance == FULL and after.train is before.train
    with pytest.raises(FrozenInstanceError):
        before.provenance.file = "/c.h5"
    settings = {"lens": 1}
    known = Provenance(settings=settings)
    settings["lens"] = 2
    assert known.settings == {"lens": 1}


def test_a_file_whose_observation_is_unknown_is_named(tmp_path):
    path = write_split(tmp_path / "data.h5", **GOOD)
    with h5py.File(path, "a") as file:
        file.attrs["observed"] = "by eye"
    says(InputError, lambda: read(path), str(path), "attribute observed must be one of", "got 'by eye'")


# Formats


def test_a_format_is_a_file_and_a_line(tmp_path, monkeypatch):
    """Another format needs nothing but its line: `read` finds it, validates its arrays, and names it in errors."""
    path = tmp_path / "own.toy"
    path.write_text("anything")
    says(FileError, lambda: read(path), "data must be a file that ends in .h5, .hdf5 or .npz", "got", "own.toy")
    whole = Format((".toy",), lambda path: Contents({"": GOOD}))
    monkeypatch.setitem(SUFFIXES, ".toy", whole)
    assert repr(read(path, (0.5, 0.25, 0.25))) == "Dataset(train=2x6, val=1x6, test=1x6, n=3, d=2, features=1)"
    split = Format((".toy",), lambda path: Contents({"train": GOOD, "test": GOOD}, {"law": "springs", "lens": 3}))
    monkeypatch.setitem(SUFFIXES, ".toy", split)
    data = read(path)
    assert list(data.splits) == ["train", "test"] and data.provenance == Provenance(law="springs", settings={"lens": 3})
    broken = Format((".toy",), lambda path: Contents({"train": GOOD | {"mass": np.zeros(3)}}))
    monkeypatch.setitem(SUFFIXES, ".toy", broken)
    says(InputError, lambda: read(path), "own.toy, split train: mass must be finite and positive")
    says(FileError, lambda: read(tmp_path), "data must be a file that ends in .h5, .hdf5, .npz or .toy")


def test_a_split_of_another_name_is_refused():
    says(InputError, lambda: Contents({"train": GOOD, "holdout": GOOD}), "split must be one of train, val, test")
    says(InputError, lambda: Contents({"": GOOD, "train": GOOD}), "split must be one of train, val, test", "got ''")


def test_every_file_of_a_format_is_in_the_list():
    """`SUFFIXES` is built from its one line; a module that defines a format and is not there is a forgotten one."""
    names = {x.name for x in pkgutil.iter_modules(formats.__path__, "lieham.data.formats.")}
    defined = [x for name in names for x in vars(importlib.import_module(name)).values() if isinstance(x, Format)]
    assert {s for x in defined for s in x.suffixes} == set(SUFFIXES) == {".h5", ".hdf5", ".npz"}
