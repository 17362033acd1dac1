"""Laws of files and windows: what was written comes back, what is broken is named, nothing is lost or run."""

from __future__ import annotations

import importlib
import json
import math
import os
import pickle
import pkgutil
import subprocess
import sys
import zipfile
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from lieham._support.files import new_path
from lieham.data import (
    Dataset,
    Provenance,
    TrajectoryWriter,
    Windows,
    describe,
    formats,
    load,
    read,
    read_forecast,
    save,
)
from lieham.data.formats import FORMATS as SUFFIXES
from lieham.data.formats.contents import Contents, Format
from lieham.errors import FileError, InputError, LiehamError
from lieham.state import Bodies, PhaseState, Trajectory
from systems import Springs

NAN = math.nan

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(
    k: int = 4, time: int = 6, n: int = 3, d: int = 2, seed: int = 0, c: int = 1, padded: bool = False
) -> Trajectory:
    mask = torch.ones(k, n, dtype=torch.bool)
    mask[1:2, -1] = not padded
    bodies = Bodies.of(draw(k, n, seed=seed + 1).square() + 0.5, draw(k, n, c, seed=seed + 2), mask)
    times = 0.1 * torch.arange(time, dtype=torch.float64)
    return Trajectory.of(times, draw(k, time, n, d, seed=seed + 3), draw(k, time, n, d, seed=seed + 4), bodies)


def tensors(x: Trajectory) -> dict[str, torch.Tensor]:
    return {"times": x.times, "q": x.q, "p": x.p} | vars(x.bodies)


def assert_same(x: Trajectory, y: Trajectory) -> None:
    """Bit for bit, dtype included."""
    for (name, a), b in zip(tensors(x).items(), tensors(y).values(), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b), name


def arrays(x: Trajectory, **changes: object) -> dict[str, np.ndarray]:
    """As a user's own program would hold them; a change to None leaves an array out."""
    held = {name: value.numpy() for name, value in tensors(x).items() if name != "mask"} | changes
    return {name: value for name, value in held.items() if value is not None}


def write_npz(path: Path, **held: np.ndarray) -> Path:
    np.savez(path, **held)
    return path


def write_h5(path: Path, **held: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in held.items():
            file[name] = value
    return path


def write_split(path: Path, **held: np.ndarray) -> Path:
    return write_h5(path, **{f"train/{name}": value for name, value in held.items()})


FORMATS = {"own.npz": write_npz, "own.h5": write_h5, "own.hdf5": write_h5, "split.h5": write_split}
over_formats = pytest.mark.parametrize("name", FORMATS)
over_root_formats = pytest.mark.parametrize("name", ["own.npz", "own.h5"])


def says(kind: type[Exception], call, *parts: str) -> None:
    """The call is refused in one line that holds every part, in order."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


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
    *("u0", "eV", True, 10, "RotMNIST", "digits", {"lens": [1.5, 2.0], "split_seed": 3}),
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


# One's own files


def gather(data: Dataset) -> list[torch.Tensor]:
    return [q for x in data.splits.values() for q in x.q]


@over_root_formats
def test_own_trajectories_are_split_whole_and_disjoint(tmp_path, name):
    x = make(20)
    path = FORMATS[name](tmp_path / name, **arrays(x))
    data = read(path, split=(0.5, 0.3, 0.2))
    assert [len(s) for s in data.splits.values()] == [10, 6, 4]
    found = [next(i for i in range(20) if torch.equal(x.q[i], q)) for q in gather(data)]
    assert sorted(found) == list(range(20)) and found != sorted(found)
    for part, rows in zip(data.splits.values(), (slice(0, 10), slice(10, 16), slice(16, 20)), strict=True):
        assert_same(part, x[found[rows]])
    assert data.provenance.split == "by trajectory" and data.provenance.source == name


def test_the_split_depends_on_the_seed_and_on_nothing_else(tmp_path):
    path = write_npz(tmp_path / "own.npz", **arrays(make(20)))
    torch.manual_seed(0)
    first = gather(read(path, seed=3))
    torch.manual_seed(1)
    assert all(torch.equal(a, b) for a, b in zip(first, gather(read(path, seed=3)), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, gather(read(path, seed=4)), strict=True))
    other = write_h5(tmp_path / "own.h5", **arrays(make(20)))
    assert all(torch.equal(a, b) for a, b in zip(first, gather(read(other, seed=3)), strict=True))


@pytest.mark.parametrize("k", range(3, 15))
def test_every_part_that_is_asked_for_gets_a_trajectory(tmp_path, k):
    path = write_npz(tmp_path / "own.npz", **arrays(make(k)))
    sizes = [len(s) for s in read(path).splits.values()]
    assert len(sizes) == 3 and sum(sizes) == k and min(sizes) >= 1
    assert [len(s) for s in read(path, split=(1.0, 0.0, 0.0)).splits.values()] == [k]


@over_root_formats
@pytest.mark.parametrize("time", [6, 7, 10, 41])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_few_trajectories_are_split_along_time(tmp_path, name, time, k):
    """k = 0: one trajectory without a batch axis."""
    x = make(max(k, 2), time)[: max(k, 1)]
    held = arrays(x) if k else {y: z[0] for y, z in arrays(x).items()}
    data = read(FORMATS[name](tmp_path / name, **held))
    assert data.provenance.split == "along time"
    assert min(s.times.shape[-1] for s in data.splits.values()) >= 2 and len(data.splits) == 3
    for y in ("times", "q", "p"):
        assert torch.equal(torch.cat([getattr(s, y) for s in data.splits.values()], 1), getattr(x, y))


@pytest.mark.parametrize("time", range(1, 6))
def test_too_few_times_for_three_pieces_are_refused(tmp_path, time):
    path = write_npz(tmp_path / "own.npz", **{y: z[0] for y, z in arrays(make(time=time)).items()})
    says(InputError, lambda: read(path), "split must leave at least 2 times for training", f"of {time}")


@pytest.mark.parametrize(
    "split", [(0.8, 0.2), (0.8, 0.1, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (NAN, 0.1, 0.1), (0.8, 0.1, NAN)]
)
def test_shares_that_are_none_are_refused(tmp_path, split):
    path = write_npz(tmp_path / "own.npz", **arrays(make()))
    says(InputError, lambda: read(path, split=split), "split must be three shares that sum to 1", f"got {split}")


@over_formats
@pytest.mark.parametrize("velocity", ["v", "velocity", "velocities"])
def test_velocities_and_masses_make_momenta(tmp_path, name, velocity):
    x = make(8)
    v = x.p / x.bodies.mass[:, None, :, None]
    data = read(FORMATS[name](tmp_path / name, **arrays(x, p=None, **{velocity: v.numpy()})), (1.0, 0.0, 0.0))
    i = [next(i for i in range(8) if torch.equal(x.q[i], q)) for q in data.train.q]
    # Division and multiplication by m round once each.
    torch.testing.assert_close(data.train.p, x.p[i], rtol=3e-16, atol=0)
    assert not torch.equal(data.train.p, v[i])


@over_formats
def test_padded_bodies_may_hold_nan(tmp_path, name):
    x = make(8, padded=True)
    held = {y: z.copy() for y, z in arrays(x).items()}
    hidden = ~x.bodies.mask.numpy()
    held["mass"][hidden], held["features"][hidden] = NAN, NAN
    for y in "qp":
        held[y][np.broadcast_to(hidden[:, None], held[y].shape[:-1])] = NAN
    refused = FORMATS[name](tmp_path / f"no_{name}", **held)
    says(InputError, lambda: read(refused), "must be finite", "got nan")
    for mask in (~hidden, (~hidden).astype(np.int64), (~hidden).astype(np.float32)):
        data = read(FORMATS[name](tmp_path / name, **held, mask=mask), (1.0, 0.0, 0.0))
        i = [next(i for i in range(8) if torch.equal(x.q[i], q)) for q in data.train.q]
        assert_same(data.train, x[i])


@over_formats
def test_what_all_systems_share_is_given_once(tmp_path, name):
    x = make(8)
    shared = {"times": x.times[0], "mass": x.bodies.mass[0], "features": x.bodies.features[0]}
    held = arrays(x, **{y: z.numpy() for y, z in shared.items()}, mask=np.array([True, True, False]))
    data = read(FORMATS[name](tmp_path / name, **held), (1.0, 0.0, 0.0)).train
    assert all(torch.equal(t, shared["times"]) for t in data.times)
    assert all(torch.equal(m[:2], shared["mass"][:2]) for m in data.bodies.mass)
    assert all(torch.equal(f[:2], shared["features"][:2]) for f in data.bodies.features)
    assert not data.bodies.mask[:, 2].any() and data.bodies.mask[:, :2].all()
    data.bodies.mass[0, 0] = 9.0
    assert data.bodies.mass[1, 0] != 9.0


@over_formats
@pytest.mark.parametrize(
    "given, got", [("f4", torch.float32), ("f8", torch.float64), (">f8", torch.float64), ("i4", torch.float64)]
)
def test_precision_follows_the_positions(tmp_path, name, given, got):
    x = make(8)
    held = {y: np.round(9 * z).astype(given) if y in "qp" else z for y, z in arrays(x).items()}
    data = read(FORMATS[name](tmp_path / name, **held), (1.0, 0.0, 0.0)).train
    assert {y.dtype for y in tensors(data).values()} == {got, torch.bool}
    assert sorted(data.q.flatten().tolist()) == sorted((9 * x.q).round().flatten().tolist())


GOOD = arrays(make())


def bad(name: str, index: tuple, value: float) -> dict[str, np.ndarray]:
    x = GOOD[name].copy()
    x[index] = value
    return {name: x}


BAD_ARRAYS = {
    "no times": ({"times": None}, ("array times must be there", "got only")),
    "no q": ({"q": None}, ("array q must be there", "got only")),
    "no mass": ({"mass": None}, ("array mass must be there", "got only", 'read(path, masses="SE(2)")')),
    "unknown": ({"charge": GOOD["mass"]}, ("arrays must be among times, q, p", "got charge")),
    "both p and v": ({"v": GOOD["p"]}, ("must hold one of p, v", "got p, v")),
    "q of rank 2": ({"q": GOOD["q"][0, 0]}, ("q must be of shape (trajectories, time, n, d)", "got (3, 2)")),
    "p shorter": ({"p": GOOD["p"][:, 1:]}, ("p must be of shape (4, 6, 3, 2)", "got (4, 5, 3, 2)")),
    "p of rank 5": ({"p": GOOD["p"][None]}, ("p must be", "got (1, 4, 6, 3, 2)")),
    "times longer": ({"times": np.arange(7.0)}, ("times must be of shape (4, 6) or (6,)", "got (7,)")),
    "mass of others": ({"mass": np.ones(2)}, ("mass must be of shape (4, 3) or (3,)", "got (2,)")),
    "features flat": ({"features": np.ones(3)}, ("features must be of shape (4, 3, c) or (3, c)", "got (3,)")),
    "mask of others": ({"mask": np.ones((3, 4), bool)}, ("mask must be of shape (4, 3) or (3,)", "got (3, 4)")),
    "mask of halves": ({"mask": np.full((4, 3), 0.5)}, ("mask must be of True and False", "got 0.5")),
    "mask of nothing": ({"mask": np.zeros((4, 3), bool)}, ("mask must be True for at least one", "got a system")),
    "empty q": ({"q": np.zeros((0, 6, 3, 2))}, ("array q must be not empty", "got shape (0, 6, 3, 2)")),
    "complex q": ({"q": GOOD["q"] + 0j}, ("array q must be of real numbers", "got dtype complex128")),
    "NaN in q": (bad("q", (1, 2, 0, 1), NAN), ("q must be finite", "got nan at index (1, 2, 0, 1)")),
    "inf in p": (bad("p", (0, 0, 0, 0), np.inf), ("p must be finite", "got inf at index (0, 0, 0, 0)")),
    "NaN in times": (bad("times", (2, 1), NAN), ("times must be finite", "got nan at index (2, 1)")),
    "NaN in features": (bad("features", (2, 1, 0), NAN), ("features must be finite", "got nan")),
    "times fall": (bad("times", (3, 2), 0.0), ("times must be strictly increasing", "got", "index (3, 1)")),
    "a time twice": (bad("times", (3, 2), GOOD["times"][3, 1]), ("times must be strictly increasing", "(3, 1)")),
    "zero mass": (bad("mass", (2, 2), 0.0), ("mass must be finite and positive", "got 0")),
    "negative mass": (bad("mass", (2, 2), -1.5), ("mass must be finite and positive", "got -1.5")),
    "NaN mass": (bad("mass", (2, 2), NAN), ("mass must be finite and positive", "got nan")),
}


@over_formats
def test_a_file_without_momenta_is_one_of_positions(tmp_path, name):
    """They are estimated, the dataset says so, and so does its copy on disk; a file with momenta says nothing."""
    data = read(FORMATS[name](tmp_path / name, **{k: v for k, v in GOOD.items() if k != "p"}))
    assert data.provenance.observed == "positions"
    x = data.train
    assert torch.equal(x.p, type(x).from_positions(x.times, x.q, x.bodies).p)
    again = load(save(data, tmp_path / "again.h5"))
    assert again.provenance.observed == "positions" and torch.equal(again.train.p, x.p)
    assert read(FORMATS[name](tmp_path / f"whole-{name}", **GOOD)).provenance.observed == "exact"


@over_root_formats
def test_a_file_without_masses_is_read_where_they_are_asked_for(tmp_path, name):
    state, bodies = Springs(3, 2).sample(6, torch.Generator().manual_seed(0))
    bodies = bodies.map(lambda x: x[:1].expand_as(x))
    times = torch.linspace(0, 1, 20, dtype=torch.float64)
    q = Springs(3, 2).solve(state, bodies, times).q
    path = FORMATS[name](tmp_path / name, times=times.numpy(), q=q.numpy())
    data = read(path, masses="T(2)")
    mass = bodies.mass[0] / bodies.mass[0].mean()
    torch.testing.assert_close(data.train.bodies.mass[0], mass, rtol=1e-7, atol=0)
    assert data.provenance.masses == "T(2)" and data.provenance.observed == "positions"
    with pytest.raises(InputError, match="array mass must be there"):
        read(path)
    with pytest.raises(InputError, match="masses must not be asked for"):
        read(FORMATS[name](tmp_path / f"whole-{name}", **GOOD), masses="T(2)")


@over_formats
@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_wrong_arrays_are_named_with_their_file(tmp_path, name, case):
    changes, parts = BAD_ARRAYS[case]
    held = {y: z for y, z in (GOOD | changes).items() if z is not None}
    path = FORMATS[name](tmp_path / name, **held)
    says(InputError, lambda: read(path), str(path), *(["split train"] if "split" in name else []), *parts)


@over_formats
def test_what_the_wrong_arrays_were_made_from_is_read(tmp_path, name):
    data = read(FORMATS[name](tmp_path / name, **GOOD), (1.0, 0.0, 0.0))
    assert sorted(data.train.q.flatten().tolist()) == sorted(GOOD["q"].ravel().tolist())


# Files that are none


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


# Forecasts written while they run


def write_blocks(sink: TrajectoryWriter, x: Trajectory, blocks: list[tuple[int, int, int, int]]) -> None:
    for row, rows, first, points in blocks:
        t = slice(first, first + points)
        sink.write(slice(row, row + rows), first, PhaseState(x.q[row : row + rows, t], x.p[row : row + rows, t]))


WHOLE = [(0, 2, 0, 4), (0, 2, 4, 4), (0, 2, 8, 2), (2, 3, 0, 10)]


def writer(path: Path, x: Trajectory, **settings: object) -> TrajectoryWriter:
    return TrajectoryWriter(path, x.times, x.bodies, {"method": "yoshida4", "substeps": 4}, **settings)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("c", [0, 2])
def test_a_forecast_written_block_by_block_comes_back_bit_for_bit(tmp_path, dtype, padded, c):
    x = make(5, 10, padded=padded, c=c).to(dtype=dtype)
    path = tmp_path / "deep" / "forecast.h5"
    with writer(path, x) as sink:
        write_blocks(sink, x, WHOLE)
        assert not path.exists()
    y, attributes = read_forecast(path)
    assert_same(x, y)
    assert attributes == {"method": "yoshida4", "substeps": 4}
    assert os.listdir(path.parent) == ["forecast.h5"]


CUTS = {
    "one block of two systems": (1, 2, 4),
    "two blocks of two systems": (2, 2, 8),
    "two whole systems": (3, 2, 10),
    "everything": (4, 5, 10),
}


@pytest.mark.parametrize("case", CUTS)
def test_an_error_on_the_way_leaves_what_was_written(tmp_path, case):
    blocks, systems, points = CUTS[case]
    x, path = make(5, 10, padded=True), tmp_path / "forecast.h5"
    with pytest.raises(KeyboardInterrupt), writer(path, x) as sink:
        write_blocks(sink, x, WHOLE[:blocks])
        raise KeyboardInterrupt
    assert not path.exists()
    y, attributes = read_forecast(tmp_path / "forecast.h5.part")
    assert_same(y, x[:systems].window(0, points))
    assert attributes["method"] == "yoshida4"


def test_systems_that_got_unequally_far_are_cut_to_the_shortest(tmp_path):
    x, path = make(5, 10), tmp_path / "forecast.h5"
    with pytest.raises(KeyboardInterrupt), writer(path, x) as sink:
        write_blocks(sink, x, [(0, 2, 0, 10), (2, 2, 0, 4), (4, 1, 0, 1)])
        raise KeyboardInterrupt
    assert_same(read_forecast(sink.partial)[0], x[:4].window(0, 4))


KILLED = """
import os, sys
from pathlib import Path
from test_data import WHOLE, make, write_blocks, writer

x = make(5, 10, padded=True)
with writer(Path(sys.argv[1]), x) as sink:
    write_blocks(sink, x, WHOLE[: int(sys.argv[2])])
    os._exit(9)
"""


@pytest.mark.parametrize("blocks", [0, 2])
def test_a_forecast_is_readable_after_a_kill(tmp_path, blocks):
    path = tmp_path / "forecast.h5"
    command = [sys.executable, "-c", KILLED, str(path), str(blocks)]
    assert subprocess.run(command, cwd=Path(__file__).parent).returncode == 9
    assert os.listdir(tmp_path) == ["forecast.h5.part"]
    partial = tmp_path / "forecast.h5.part"
    if blocks:
        assert_same(read_forecast(partial)[0], make(5, 10, padded=True)[:2].window(0, 8))
    else:
        says(FileError, lambda: read_forecast(partial), "must", str(partial))


def test_a_forecast_overwrites_nothing_unasked(tmp_path):
    x, path = make(5, 10), tmp_path / "forecast.h5"
    path.write_text("precious")
    says(FileError, lambda: writer(path, x), "must be a new one", str(path), "overwrite=True")
    with pytest.raises(KeyboardInterrupt), writer(path, x, overwrite=True):
        raise KeyboardInterrupt
    assert path.read_text() == "precious"
    with writer(path, x, overwrite=True) as sink:
        write_blocks(sink, x, WHOLE)
    assert_same(read_forecast(path)[0], x)


def test_files_that_are_no_forecast(tmp_path):
    path = save(Dataset(make()), tmp_path / "data.h5")
    says(FileError, lambda: read_forecast(path), "must be a forecast", str(path), "with train")
    says(FileError, lambda: read_forecast(write_h5(tmp_path / "a.h5", forecast=GOOD["q"])), "whole HDF5 file")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_group("forecast")
    says(FileError, lambda: read_forecast(tmp_path / "b.h5"), "whole HDF5 file", "written")
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "c.h5", make(5, 10)) as sink:
        write_blocks(sink, make(5, 10), [(0, 5, 0, 1)])
        raise KeyboardInterrupt
    says(FileError, lambda: read_forecast(sink.partial), "at least 2 times", "with 1")


# Windows


@pytest.mark.parametrize("length", [2, 5, 6])
def test_every_window_is_a_slice(length):
    x = make(4, 6, padded=True)
    windows = Windows(x, length)
    starts = 6 - length + 1
    assert len(windows) == 4 * starts
    every = windows.all()
    for i in range(len(windows)):
        assert_same(every[i], x[i // starts].window(i % starts, length))


def test_windows_keep_each_trajectory_s_own_times():
    x = make(3, 6)
    x = replace(x, times=x.times * torch.arange(1.0, 4)[:, None] + torch.arange(3)[:, None])
    every = Windows(x, 5).all()
    assert torch.equal(every.times, torch.stack([x.times[i, s : s + 5] for i in range(3) for s in range(2)]))


def test_a_draw_depends_on_the_generator_alone():
    windows = Windows(make(4, 50), 5)
    generator = torch.Generator().manual_seed(3)
    windows.sample(7, generator)
    state = generator.get_state()
    first = windows.sample(7, generator)
    torch.manual_seed(99)
    generator.set_state(state)
    assert_same(windows.sample(7, generator), first)
    assert not torch.equal(windows.sample(7, generator).q, first.q)
    ambient = torch.get_rng_state()
    windows.sample(7, generator)
    assert torch.equal(torch.get_rng_state(), ambient)


def test_a_draw_covers_all_windows_evenly():
    """χ² of 20,000 draws over 100 windows has mean 99 and deviation 14; five deviations are 170."""
    x = make(10, 14, n=1, d=1)
    x = replace(x, q=torch.arange(140.0, dtype=torch.float64).reshape(10, 14, 1, 1))
    windows = Windows(x, 5)
    first = windows.sample(20_000, torch.Generator().manual_seed(0)).q[:, 0, 0, 0].long()
    counts = torch.bincount(first // 14 * 10 + first % 14, minlength=100)
    assert len(windows) == len(counts) == 100
    chi2 = ((counts - 200.0).square() / 200).sum()
    assert 40 < chi2 < 170


@pytest.mark.parametrize("length", [-1, 0, 1, 7, 100])
def test_windows_longer_than_the_trajectories_are_refused(length):
    says(InputError, lambda: Windows(make(), length), "window must be between 2 and the 6 points", f"got {length}")


def test_windows_of_a_single_trajectory_are_refused():
    one = make()[0]
    says(InputError, lambda: Windows(one, 2), "q must be of shape (trajectories, time, n, d)", "got (6, 3, 2)")


# Descriptions


def test_a_description_counts_and_measures(tmp_path):
    x = make(4, 6, padded=True)
    x = replace(x, times=torch.tensor([0, 1, 3, 4, 5, 6.0], dtype=torch.float64).expand(4, 6))
    data = load(save(Dataset(x, provenance=Provenance(law="springs")), tmp_path / "data.h5"))
    description = json.loads(json.dumps(describe(data).as_dict()))
    assert description["provenance"] == {"law": "springs"} and list(description["splits"]) == ["train"]
    got, real = description["splits"]["train"], x.bodies.mask
    assert (got["trajectories"], got["points"], got["bodies"], got["dim"], got["features"]) == (4, 6, 3, 2, 1)
    assert got["padded"] == pytest.approx(1 / 12, rel=1e-12)  # one body in 12; a mean of twelve rounds
    assert (got["dtype"], got["times"], got["step"]) == ("float64", [0, 6], [1, 2])
    held = {"q": x.q.transpose(1, 2)[real], "p": x.p.transpose(1, 2)[real]}
    held |= {"mass": x.bodies.mass[real], "features": x.bodies.features[real]}
    assert got["range"] == {name: [y.min().item(), y.max().item()] for name, y in held.items()}
    total = [sum(p[i] for i in range(3) if m[i]).norm().item() for p, m in zip(x.p[:, 0], real, strict=True)]
    # Sums of three numbers in another order.
    assert got["total_momentum"] == pytest.approx([min(total), max(total)], rel=1e-14)
    text = str(describe(data))
    assert "train: 4 trajectories of 6 points, 3 bodies in 2-D" in text
    assert "float64, 1 features, 8 % padded" in text
    words = [" ".join(line.split()) for line in text.splitlines()]
    low, high = got["range"]["mass"]
    assert {"law springs", "times 0 to 6", "step 1 to 2", f"mass {low:.6g} to {high:.6g}"} <= set(words)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_description_is_drawn(tmp_path, d):
    data = Dataset(make(d=d, padded=True), test=make(time=1, d=d, seed=5))
    path = describe(data).plot(tmp_path / "plots" / "data.png")
    assert path.read_bytes().startswith(b"\x89PNG") and os.listdir(path.parent) == ["data.png"]


def test_a_description_needs_neither_steps_nor_features(tmp_path):
    data = Dataset(make(4, 1, c=0), test=make(2, 6, c=0))
    description = describe(data)
    assert description.splits["train"]["step"] is None and "features" not in description.splits["train"]["range"]
    assert str(description).count("step ") == 1
