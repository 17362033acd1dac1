"""A forecast is what integrating by hand gives, in batches and backwards, in the model's precision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.data import read_forecast
from lieham.errors import InputError
from lieham.forecasting import forecast
from lieham.integrate import make_integrator
from lieham.state import Trajectory
from tests.forecasting.helpers import INITIAL, MODEL, STEP, assert_same, model, padded
from tests.helpers.refusals import says

# What a forecast is


@pytest.mark.parametrize(
    "method, settings, integrator",
    [
        ("yoshida4", {"substeps": 4}, make_integrator("yoshida4", substeps=4, compensated=True)),
        ("yoshida4", {"substeps": 1, "compensated": False}, make_integrator("yoshida4")),
        ("leapfrog", {"substeps": 2}, make_integrator("leapfrog", substeps=2, compensated=True)),
        ("rk4", {"substeps": 4}, make_integrator("rk4", substeps=4)),
        ("dopri5", {"rtol": 1e-9, "atol": 1e-9}, make_integrator("dopri5", rtol=1e-9, atol=1e-9)),
        (make_integrator("leapfrog"), {}, make_integrator("leapfrog")),
    ],
    ids=["compensated", "plain", "leapfrog", "rk4", "dopri5", "an integrator"],
)
def test_a_forecast_is_an_integration(method, settings, integrator):
    rollout = forecast(MODEL, INITIAL, 6, method=method, **settings)
    times = torch.arange(7, dtype=torch.float64) * STEP
    with torch.no_grad():
        path = integrator.integrate(MODEL.field(INITIAL.bodies), INITIAL.state(0), times.expand(5, 7))
    assert rollout.integrator == integrator
    assert torch.equal(rollout.trajectory.q, path.q) and torch.equal(rollout.trajectory.p, path.p)
    assert torch.equal(rollout.trajectory.times, times.expand(5, 7))
    assert rollout.attributes["method"] == integrator.name and rollout.attributes["settings"] == str(integrator)
    assert rollout.group is MODEL.group
    assert not rollout.trajectory.q.requires_grad


def test_the_settings_matter():
    one, four = (forecast(MODEL, INITIAL, 6, substeps=k).trajectory.q for k in (1, 4))
    # Truncation error of a fourth-order step, far above round-off.
    assert (one - four).abs().max() > 1e-13


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_batches_change_nothing(batch):
    whole = forecast(MODEL, INITIAL, 5, batch=5).trajectory
    parts = forecast(MODEL, INITIAL, 5, batch=batch).trajectory
    # Systems do not interact; matrix products of other sizes may sum in another order, over 5 steps.
    torch.testing.assert_close((parts.q, parts.p), (whole.q, whole.p), rtol=1e-13, atol=1e-13)
    assert torch.equal(parts.times, whole.times)


def test_padding_changes_nothing():
    plain, more = (forecast(MODEL, x, 5).trajectory for x in (INITIAL, padded(INITIAL, 2)))
    # Sums over pairs with zeros among them, over 5 steps.
    torch.testing.assert_close((more.q[:, :, :3], more.p[:, :, :3]), (plain.q, plain.p), rtol=1e-12, atol=1e-12)
    assert not more.q[:, :, 3:].any() and not more.p[:, :, 3:].any()


def test_a_single_trajectory_is_a_batch_of_one():
    single = Trajectory(INITIAL.times[2], INITIAL.q[2], INITIAL.p[2], INITIAL.bodies.map(lambda x: x[2]))
    assert_same(forecast(MODEL, single, 4).trajectory, forecast(MODEL, INITIAL[2:3], 4).trajectory)


def test_the_initial_trajectories_are_left_alone():
    copies = [x.clone() for x in (INITIAL.times, INITIAL.q, INITIAL.p)]
    weights = {k: v.clone() for k, v in MODEL.state_dict().items()}
    forecast(MODEL, INITIAL, 3)
    assert all(torch.equal(a, b) for a, b in zip(copies, (INITIAL.times, INITIAL.q, INITIAL.p), strict=True))
    assert all(torch.equal(v, weights[k]) for k, v in MODEL.state_dict().items())
    assert all(w.grad is None for w in MODEL.parameters())


# Time


def test_dt_replaces_the_step_of_the_data():
    rollout = forecast(MODEL, INITIAL, 6, dt=2 * STEP, substeps=4).trajectory
    torch.testing.assert_close(rollout.times[0], torch.arange(7, dtype=torch.float64) * 2 * STEP, rtol=1e-15, atol=0)
    fine = forecast(MODEL, INITIAL, 12, substeps=2).trajectory
    # 4 substeps of 2 dt are 2 of dt, twice: the same steps, with times that round otherwise.
    torch.testing.assert_close(rollout.q, fine.q[:, ::2], rtol=1e-12, atol=1e-12)


def test_each_trajectory_has_its_own_step_and_start():
    widths = torch.tensor([1.0, 2.0, 0.5, 1.5, 3.0], dtype=torch.float64)[:, None] * STEP
    starts = torch.tensor([0.0, 5.0, -1.0, 0.25, 2.0], dtype=torch.float64)[:, None]
    own = replace(INITIAL, times=starts + widths * torch.arange(4, dtype=torch.float64))
    rollout = forecast(MODEL, own, 5, substeps=4).trajectory
    torch.testing.assert_close(rollout.times.diff(dim=1), widths.expand(5, 5), rtol=1e-12, atol=0)
    assert torch.equal(rollout.times[:, :1], starts)
    for k in range(5):
        alone = forecast(MODEL, INITIAL[k : k + 1], 5, dt=widths[k].item(), substeps=4).trajectory
        # An autonomous field: only the rounding of start + k dt differs.
        torch.testing.assert_close(rollout.q[k], alone.q[0], rtol=1e-12, atol=1e-12)


def test_an_uneven_grid_gives_its_first_step():
    times = INITIAL.times.clone()
    times[:, 2:] += 1
    assert_same(forecast(MODEL, replace(INITIAL, times=times), 3).trajectory, forecast(MODEL, INITIAL, 3).trajectory)


@pytest.mark.parametrize("method, returns", [("yoshida4", True), ("euler", False)])
def test_backwards_in_time_returns(method, returns):
    """A symmetric method undoes itself to round-off; Euler's does not."""
    there = forecast(MODEL, INITIAL, 20, method=method, substeps=1).trajectory
    end = there.window(20, 1)
    back = forecast(MODEL, end, 20, dt=-STEP, method=method, substeps=1).trajectory
    gap = (back.q[:, -1] - INITIAL.q[:, 0]).abs().max().item()
    # 40 steps of round-off 1e-16 on positions of order 1, against a truncation error of order dt² a step.
    assert gap < 1e-14 if returns else gap > 1e-5
    torch.testing.assert_close(back.times[:, -1], INITIAL.times[:, 0], rtol=0, atol=1e-14)


def test_a_single_time_needs_a_dt():
    first = INITIAL.window(0, 1)
    says(InputError, lambda: forecast(MODEL, first, 3), "dt must be given", "a single time", "got None")
    assert_same(forecast(MODEL, first, 3, dt=STEP).trajectory, forecast(MODEL, INITIAL, 3, dt=STEP).trajectory)


# Precision


def test_a_forecast_runs_in_the_precision_of_the_model(tmp_path):
    rollout = forecast(model(torch.float32), INITIAL, 5, out=tmp_path / "f.h5")
    assert {x.dtype for x in (rollout.trajectory.q, rollout.trajectory.p)} == {torch.float32}
    assert rollout.trajectory.times.dtype == torch.float64
    assert rollout.trajectory.bodies.mass.dtype == torch.float32 and rollout.attributes["dtype"] == "float32"
    assert_same(read_forecast(tmp_path / "f.h5")[0], rollout.trajectory)
    exact = forecast(MODEL, INITIAL, 5).trajectory
    gap = (rollout.trajectory.q - exact.q).abs().max().item()
    assert 0 < gap < 1e-5, "20 steps with round-off 6e-8 on positions of order 1"


def test_the_model_decides_not_the_data():
    assert forecast(MODEL, INITIAL.to(dtype=torch.float32), 2).trajectory.q.dtype == torch.float64
