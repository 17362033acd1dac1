"""Times of files: kept in float64 whatever the positions are, or refused where float64 would lose them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from lieham.data import load, read, read_forecast, save
from lieham.data.formats.forecasts import TrajectoryWriter
from lieham.errors import InputError
from tests.data.helpers import FORMATS as WRITERS
from tests.data.helpers import arrays, assert_same, make, over_formats
from tests.helpers.refusals import says

COUNT = np.arange(6)
OFFSETS = [0.0, 1e4, 2451545.0, 1.7e9]


@over_formats
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("offset", OFFSETS)
def test_times_are_float64_beside_positions_of_any_precision(tmp_path, name, offset, dtype):
    x, times = make(3), offset + 0.7 * COUNT
    held = {y: z.astype(dtype) for y, z in arrays(x).items()} | {"times": times}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read(WRITERS[name](tmp_path / name, **held))
    for split in data.splits.values():
        assert split.q.dtype == {"f4": torch.float32, "f8": torch.float64}[dtype]
        assert all(torch.equal(t, torch.from_numpy(times)) for t in split.times)
    again = load(save(data, tmp_path / "again.h5"))
    assert_same(again.train, data.train)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint8, np.uint64, np.longdouble, ">f8", ">i4"])
def test_numbers_of_other_kinds_are_the_same_times(tmp_path, dtype):
    data = read(WRITERS["own.npz"](tmp_path / "own.npz", **arrays(make(3), times=(3 * COUNT).astype(dtype))))
    assert torch.equal(data.train.times[0], 3.0 * torch.arange(6, dtype=torch.float64))


LOST = {
    "nanoseconds": (1_700_000_000_000_000_000 + 5 * COUNT, "below 2**53"),
    "unsigned": ((2**63 + COUNT.astype(np.uint64)).astype(np.uint64), "below 2**53"),
    "long": (np.longdouble(2451545) + np.longdouble(1e-8) * COUNT, "times less their first"),
    "calendar": (np.datetime64("2024-01-01") + COUNT, "np.timedelta64(1, 's')"),
    "durations": (COUNT.astype("timedelta64[s]"), "np.timedelta64(1, 's')"),
    "flags": (COUNT > 2, "of real numbers"),
    "complex": (COUNT + 1j, "of real numbers"),
    "none": (COUNT[:0], "not empty"),
}


@pytest.mark.parametrize("times, part", list(LOST.values()), ids=list(LOST))
def test_times_that_float64_would_lose_are_refused(tmp_path, times, part):
    path = WRITERS["own.npz"](tmp_path / "own.npz", **arrays(make(3), times=times))
    says(InputError, lambda: read(path), "times must be", part)


@pytest.mark.parametrize("kept", ["f4", "f8"])
def test_times_that_float32_has_rounded_are_read_with_a_warning(tmp_path, kept):
    times = (2451545 + 0.7 * COUNT).astype("f4").astype(kept)
    path = WRITERS["own.npz"](tmp_path / "own.npz", **arrays(make(3), times=times))
    with pytest.warns(UserWarning, match="steps from 0.5 to 0.75 only because float32 has rounded them"):
        assert torch.equal(read(path).train.times[0], torch.from_numpy(times.astype("f8")))


def test_a_forecast_file_keeps_times_beside_float32_states(tmp_path):
    x = make(3).to(dtype=torch.float32)
    times = 2451545 + 0.7 * torch.arange(6, dtype=torch.float64).expand(3, 6)
    with TrajectoryWriter(tmp_path / "f.h5", times, x.bodies, {}) as sink:
        sink.write(slice(0, 3), 0, x.states())
    stored, _ = read_forecast(tmp_path / "f.h5")
    assert torch.equal(stored.times, times) and stored.q.dtype == torch.float32
