"""A user's own file is split into train, val and test, whole and disjoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lieham.data import Dataset, Provenance, Windows, read
from lieham.data.splitting import shares_of
from lieham.errors import InputError
from tests.data.helpers import (
    FORMATS,
    NAN,
    arrays,
    assert_same,
    make,
    over_formats,
    over_root_formats,
    says,
    tensors,
    write_h5,
    write_npz,
)

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


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
@pytest.mark.parametrize(
    "time, window", [(6, 2), (7, 2), (10, 2), (41, 2), (18, 5), (31, 5), (48, 5), (60, 5), (60, 15)]
)
@pytest.mark.parametrize("k", [0, 1, 2])
def test_few_trajectories_are_split_along_time(tmp_path, name, time, window, k):
    """k = 0: one trajectory without a batch axis. Every split holds a window."""
    x = make(max(k, 2), time)[: max(k, 1)]
    held = arrays(x) if k else {y: z[0] for y, z in arrays(x).items()}
    data = read(FORMATS[name](tmp_path / name, **held), window=window)
    assert data.provenance.split == "along time" and list(data.splits) == ["train", "val", "test"]
    assert all(len(Windows(s, window)) for s in data.splits.values())
    assert 2 * data.splits["train"].times.shape[-1] >= time - 2, "train keeps half"
    for y in ("times", "q", "p"):
        assert torch.equal(torch.cat([getattr(s, y) for s in data.splits.values()], 1), getattr(x, y))


@pytest.mark.parametrize(
    "k, time, window, sizes",
    [
        (1, 12, 5, {"train": 7, "val": 5}),
        (1, 10, 5, {"train": 5, "val": 5}),
        (1, 9, 5, {"train": 9}),
        (1, 5, 5, {"train": 5}),
        (1, 4, 5, {"train": 4}),
        (1, 1, 5, {"train": 1}),
        (1, 31, 15, {"train": 16, "val": 15}),
        (2, 12, 5, {"train": 7, "val": 5}),
        (2, 4, 5, {"train": 4}),
    ],
)
def test_what_is_too_short_for_three_splits_does_without_test_and_then_val(tmp_path, k, time, window, sizes):
    path = write_npz(tmp_path / "own.npz", **arrays(make(k, time)))
    lost = " and ".join(name for name in ("val", "test") if name not in sizes)
    with pytest.warns(UserWarning, match=rf"{time} points cannot give windows of {window} points to {lost}"):
        data = read(path, window=window)
    assert {name: x.times.shape[-1] for name, x in data.splits.items()} == sizes
    assert data.provenance.split == f"along time, without {lost}"


@pytest.mark.parametrize("time", [5, 7])
def test_two_trajectories_that_are_too_short_to_cut_are_shared_out_whole(tmp_path, time):
    path = write_npz(tmp_path / "own.npz", **arrays(make(2, time)))
    with pytest.warns(UserWarning, match="without test"):
        data = read(path)
    assert [(name, len(x), x.times.shape[-1]) for name, x in data.splits.items()] == [
        ("train", 1, time),
        ("val", 1, time),
    ]
    assert data.provenance.split == "by trajectory, without test"
    assert list(read(path, split=(1.0, 0.0, 0.0)).splits) == ["train"], "nothing was asked for, so nothing is lost"


@pytest.mark.parametrize("k, time", [(1, 31), (2, 40), (12, 6)])
@pytest.mark.parametrize("text", ["0.8,0.2,0", "0.5, 0.25, 0.25", "[0.6,0.2,0.2]", "1,0,0"])
def test_shares_are_kept_with_the_data_and_cut_the_same_again(tmp_path, k, time, text):
    path = write_npz(tmp_path / "own.npz", **arrays(make(k, time)))
    data = read(path, shares_of(text), window=4)
    known = Provenance.of(data.provenance.as_dict())
    again = read(path, shares_of(known.shares), window=known.window)
    assert again.splits.keys() == data.splits.keys()
    for a, b in zip(again.splits.values(), data.splits.values(), strict=True):
        assert_same(a, b)
    assert shares_of("") is None and Provenance.of(read(path).provenance.as_dict()).shares == ""


@pytest.mark.parametrize("text", ["0.8", "a,b,c", "0.8,0.1,0.1,0", "0.8;0.1;0.1"])
def test_texts_that_are_no_shares_are_refused(text):
    says(InputError, lambda: shares_of(text), "split must be three shares such as 0.8,0.1,0.1", f"got '{text}'")


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
    assert {y.dtype for name, y in tensors(data).items() if name != "times"} == {got, torch.bool}
    assert data.times.dtype == torch.float64
    assert sorted(data.q.flatten().tolist()) == sorted((9 * x.q).round().flatten().tolist())
