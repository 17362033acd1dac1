"""A forecast begins at any instant of the data and ends at another, with any step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.data import read_forecast
from lieham.errors import InputError
from lieham.forecasting import forecast
from lieham.state import Trajectory
from tests.forecasting.helpers import INITIAL, MODEL, STEP, model
from tests.helpers.refusals import says

OFFSETS = [0.0, 1e4, 2451545.0]
PATH = forecast(MODEL, INITIAL, 12, dt=STEP).trajectory
"""A path of the model itself, so that a forecast from any of its points goes along it."""


def later(offset: float) -> Trajectory:
    return replace(PATH, times=PATH.times + offset)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("index", [0, 3, 12])
def test_a_start_at_a_stored_time_takes_that_state(index, offset, dtype):
    data = later(offset)
    found = forecast(model(dtype), data, 3, start=offset + index * STEP).trajectory
    assert torch.equal(found.times[:, 0], data.times[:, index])
    assert torch.equal(found.q[:, 0], data.q[:, index].to(dtype)) and torch.equal(
        found.p[:, 0], data.p[:, index].to(dtype)
    )
    if index <= 9:
        limit = {torch.float32: 1e-5, torch.float64: 1e-8}[dtype]
        assert (found.q - data.q[:, index : index + 4]).abs().max() < limit
    assert not torch.equal(found.q[:, 0], data.q[:, 5].to(dtype))


@pytest.mark.parametrize("dt", [None, 3 * STEP, 0.1 * STEP, -STEP])
@pytest.mark.parametrize("offset", OFFSETS)
def test_between_stored_times_the_model_goes_on_from_the_one_before(offset, dt):
    start = offset + 4.3 * STEP
    found = forecast(MODEL, later(offset), 2, start=start, dt=dt).trajectory
    assert (found.times[:, 0] == start).all()
    exact = forecast(MODEL, INITIAL, 43, dt=STEP / 10).trajectory
    # Steps of other widths, and the rounding of `start`.
    assert (found.q[:, 0] - exact.q[:, 43]).abs().max() < 1e-8
    assert (found.q[:, 0] - PATH.q[:, 4]).abs().max() > 1e-4, "the stored state is another"


def test_a_start_between_the_times_of_some_trajectories_alone():
    mixed = replace(PATH, times=PATH.times + torch.tensor([0.0, 0.5, 0.0, 0.25, 0.0])[:, None].double() * STEP)
    found = forecast(MODEL, mixed, 2, start=5 * STEP, dt=STEP).trajectory
    for k in range(5):
        alone = forecast(MODEL, mixed[k : k + 1], 2, start=5 * STEP, dt=STEP).trajectory
        torch.testing.assert_close(found.q[k], alone.q[0], rtol=1e-9, atol=1e-9)
    assert torch.equal(found.q[0, 0], PATH.q[0, 5]) and not torch.equal(found.q[1, 0], PATH.q[1, 4])


@pytest.mark.parametrize(
    "settings, count, last",
    [
        ({"until": 6 * STEP}, 6, 6.0),
        ({"until": 6.4 * STEP}, 6, 6.0),
        ({"until": 6 * STEP, "start": 2 * STEP}, 4, 6.0),
        ({"until": 6 * STEP, "start": 2 * STEP, "dt": STEP / 2}, 8, 6.0),
        ({"until": 2 * STEP, "start": 6 * STEP, "dt": -STEP}, 4, 2.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("offset", OFFSETS)
def test_until_takes_the_place_of_steps(settings, count, last, offset):
    given = {name: x if name == "dt" else x + offset for name, x in settings.items()}
    found = forecast(MODEL, later(offset), **given).trajectory
    assert found.n_steps == count
    assert (found.times[:, -1] - offset - last * STEP).abs().max() < 1e-8
    assert (found.q[:, -1] - PATH.q[:, int(last)]).abs().max() < 1e-6


def test_the_file_holds_the_same_times(tmp_path):
    found = forecast(
        MODEL, later(2451545.0), start=2451545 + 2.5 * STEP, until=2451545 + 5 * STEP, out=tmp_path / "f.h5"
    )
    stored, _ = read_forecast(tmp_path / "f.h5")
    assert torch.equal(stored.times, found.trajectory.times) and torch.equal(stored.q, found.trajectory.q)


@pytest.mark.parametrize(
    "settings, parts",
    [
        ({}, ("steps must be given, or until", "got neither")),
        ({"steps": 3, "until": 1.0}, ("until must not be given beside steps", "until=1 and steps=3")),
        ({"steps": 3, "start": -1.0}, ("start must be from 0 to 0.12", "stored times of trajectory 0", "got -1")),
        ({"steps": 3, "start": 1.0}, ("start must be from 0 to 0.12", "got 1")),
        ({"steps": 3, "start": float("nan")}, ("start must be a finite time", "got nan")),
        ({"until": float("inf")}, ("until must be a finite time", "got inf")),
        ({"until": 0.004}, ("until must be at least one step of 0.01", "after the start, 0", "got 0.004")),
        ({"until": 0.0, "start": 0.05}, ("until must be at least one step", "after", "got 0", "sign of dt")),
        ({"until": 0.1, "start": 0.05, "dt": -0.01}, ("until must be at least one step", "before", "got 0.1")),
    ],
    ids=str,
)
def test_instants_that_do_not_fit_are_named(settings, parts, tmp_path):
    says(InputError, lambda: forecast(MODEL, PATH, out=tmp_path / "f.h5", **settings), *parts)
    assert list(tmp_path.iterdir()) == []


def test_trajectories_that_need_different_numbers_of_steps_are_refused():
    own = replace(PATH, times=PATH.times * torch.tensor([1.0, 1, 1, 1, 2])[:, None].double())
    says(InputError, lambda: forecast(MODEL, own, until=8 * STEP), "same number of steps", "got 4 to 8", "dt")
    assert forecast(MODEL, own, until=8 * STEP, dt=STEP).trajectory.n_steps == 8
