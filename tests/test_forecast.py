"""Forecasts: what integrating by hand gives, in batches, on disk, backwards, and input refused by name."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lieham import forecasting
from lieham.data import read_forecast
from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import FileError, InputError, IntegrationError, LiehamError
from lieham.forecasting import Forecast, forecast
from lieham.integrate import make_integrator
from lieham.integrate.base import Field
from lieham.metrics import state_mse
from lieham.models import HLieConv
from lieham.state import Bodies, PhaseState, Trajectory
from systems import Springs

LAW = Springs(3, 2)
INITIAL = LAW.generate(5, 0, 0, points=4).train
STEP = LAW.end / (LAW.points - 1)


def model(dtype: torch.dtype = torch.float64, group: str = "SE(2)") -> HLieConv:
    """An untrained network whose forces are of the size of the springs'."""
    made = HLieConv(group, 1, width=8, dtype=dtype)
    made.calibrate(INITIAL)
    return made


MODEL = model()


def padded(x: Trajectory, extra: int) -> Trajectory:
    """The same systems with bodies appended that are not there."""
    q, p = (torch.cat([z, z.new_zeros(*z.shape[:2], extra, 2)], 2) for z in (x.q, x.p))
    mass, mask = (torch.cat([z, z.new_zeros(len(x), extra)], 1) for z in (x.bodies.mass, x.bodies.mask))
    features = torch.cat([x.bodies.features, x.bodies.features.new_zeros(len(x), extra, 1)], 1)
    return Trajectory.of(x.times, q, p, Bodies.of(mass, features, mask))


def says(kind: type[LiehamError], call, *parts: str) -> None:
    """The call is refused in one sentence that holds every part, in order."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


def assert_same(a: Trajectory, b: Trajectory) -> None:
    """Bit for bit."""
    for name in ("times", "q", "p"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    for name in ("mass", "features", "mask"):
        assert torch.equal(getattr(a.bodies, name), getattr(b.bodies, name)), name


# What a forecast is


@pytest.mark.parametrize(
    "method, settings, integrator",
    [
        ("yoshida4", {}, make_integrator("yoshida4", substeps=4, compensated=True)),
        ("yoshida4", {"substeps": 1, "compensated": False}, make_integrator("yoshida4")),
        ("leapfrog", {"substeps": 2}, make_integrator("leapfrog", substeps=2, compensated=True)),
        ("rk4", {}, make_integrator("rk4", substeps=4)),
        ("dopri5", {"rtol": 1e-9, "atol": 1e-9}, make_integrator("dopri5", rtol=1e-9, atol=1e-9)),
        (make_integrator("leapfrog"), {}, make_integrator("leapfrog")),
    ],
    ids=["default", "plain", "leapfrog", "rk4", "dopri5", "an integrator"],
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
    rollout = forecast(MODEL, INITIAL, 6, dt=2 * STEP).trajectory
    torch.testing.assert_close(rollout.times[0], torch.arange(7, dtype=torch.float64) * 2 * STEP, rtol=1e-15, atol=0)
    fine = forecast(MODEL, INITIAL, 12, substeps=2).trajectory
    # 4 substeps of 2 dt are 2 of dt, twice: the same steps, with times that round otherwise.
    torch.testing.assert_close(rollout.q, fine.q[:, ::2], rtol=1e-12, atol=1e-12)


def test_each_trajectory_has_its_own_step_and_start():
    widths = torch.tensor([1.0, 2.0, 0.5, 1.5, 3.0], dtype=torch.float64)[:, None] * STEP
    starts = torch.tensor([0.0, 5.0, -1.0, 0.25, 2.0], dtype=torch.float64)[:, None]
    own = replace(INITIAL, times=starts + widths * torch.arange(4, dtype=torch.float64))
    rollout = forecast(MODEL, own, 5).trajectory
    torch.testing.assert_close(rollout.times.diff(dim=1), widths.expand(5, 5), rtol=1e-12, atol=0)
    assert torch.equal(rollout.times[:, :1], starts)
    for k in range(5):
        alone = forecast(MODEL, INITIAL[k : k + 1], 5, dt=widths[k].item()).trajectory
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
    assert {x.dtype for x in (rollout.trajectory.times, rollout.trajectory.q, rollout.trajectory.p)} == {torch.float32}
    assert rollout.trajectory.bodies.mass.dtype == torch.float32 and rollout.attributes["dtype"] == "float32"
    assert_same(read_forecast(tmp_path / "f.h5")[0], rollout.trajectory)
    exact = forecast(MODEL, INITIAL, 5).trajectory
    gap = (rollout.trajectory.q - exact.q).abs().max().item()
    assert 0 < gap < 1e-5, "20 steps with round-off 6e-8 on positions of order 1"


def test_the_model_decides_not_the_data():
    assert forecast(MODEL, INITIAL.to(dtype=torch.float32), 2).trajectory.q.dtype == torch.float64


# Files


@pytest.mark.parametrize("batch, steps", [(256, 5), (2, 7), (3, 4), (5, 8)])
def test_the_file_holds_what_is_returned(batch, steps, tmp_path, monkeypatch):
    monkeypatch.setattr(forecasting, "CHUNK", 4)  # full chunks, a rest, a rest of one
    rollout = forecast(MODEL, INITIAL, steps, batch=batch, out=tmp_path / "new" / "f.h5")
    stored, attributes = read_forecast(tmp_path / "new" / "f.h5")
    assert_same(stored, rollout.trajectory)
    assert attributes == {k: v for k, v in rollout.attributes.items() if k != "seconds"}
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["f.h5"]


def test_the_file_is_written_while_running(tmp_path, monkeypatch):
    """Stopped in the second batch: all of the first is there, and of the second what was flushed."""
    monkeypatch.setattr(forecasting, "CHUNK", 4)
    out, seen = tmp_path / "f.h5", {}

    def progress(done: int, total: int) -> None:
        assert total == 20 and not out.exists()
        seen[done] = (tmp_path / "f.h5.part").stat().st_size
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forecast(MODEL, INITIAL, 10, batch=3, out=out, progress=progress)
    assert list(seen) == list(range(1, 18))
    assert not out.exists()
    stored, _ = read_forecast(tmp_path / "f.h5.part")
    whole = forecast(MODEL, INITIAL, 10, batch=3).trajectory
    # 11 times of the first batch, 4 of the second; together as far as all of them got.
    assert stored.q.shape == (5, 4, 3, 2)
    assert torch.equal(stored.q, whole.q[:, :4]) and torch.equal(stored.p, whole.p[:, :4])


def test_an_old_file_is_refused_before_any_work(tmp_path):
    out = tmp_path / "f.h5"
    out.write_text("mine")
    steps = []
    says(
        FileError, lambda: forecast(MODEL, INITIAL, 3, out=out, progress=lambda *x: steps.append(x)),
        "must be a new one", str(out),
    )  # fmt: skip
    assert steps == [] and out.read_text() == "mine" and [x.name for x in tmp_path.iterdir()] == ["f.h5"]
    rollout = forecast(MODEL, INITIAL, 3, out=out, overwrite=True)
    assert_same(read_forecast(out)[0], rollout.trajectory)


# Errors against a truth


def test_errors_are_the_mean_over_bodies_and_components():
    rollout = forecast(MODEL, INITIAL, 3)
    truth = LAW.trajectories(5, 0, "train", points=4)
    a = rollout.trajectory
    errors = rollout.errors(truth)
    assert errors.shape == (5, 4) and errors[:, 0].eq(0).all()
    for k, t in ((0, 1), (3, 3)):
        q, p = a.q[k, t] - truth.q[k, t], a.p[k, t] - truth.p[k, t]
        squares = [x**2 for x in (*q.flatten().tolist(), *p.flatten().tolist())]
        # 12 terms, summed in another order.
        assert errors[k, t].item() == pytest.approx(sum(squares) / 12, rel=1e-13)
    states = PhaseState(truth.q, truth.p)
    assert torch.equal(rollout.errors(states), errors)


def test_errors_leave_padding_out():
    rollout = forecast(MODEL, INITIAL, 3)
    truth, plain = LAW.trajectories(5, 0, "train", points=4), forecast(MODEL, padded(INITIAL, 1), 3)
    # The padded forecast differs by rounding, on errors that are small themselves.
    torch.testing.assert_close(plain.errors(padded(truth, 1)), rollout.errors(truth), rtol=1e-9, atol=1e-20)
    zero = torch.zeros(2, 1, 3, 2, dtype=torch.float64)
    off = zero.clone()
    off[:, :, 2] = 7.0
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert state_mse(PhaseState(zero, zero), PhaseState(off, zero), mask).flatten().tolist() == [
        98 / 4 / 3,
        0,
    ]


def test_a_truth_of_another_shape_is_refused():
    says(
        InputError, lambda: forecast(MODEL, INITIAL, 2).errors(INITIAL),
        "truth must be q of shape (5, 3, 3, 2)", "got (5, 4, 3, 2)",
    )  # fmt: skip


# What is refused


@pytest.mark.parametrize(
    "settings, parts",
    [
        ({"steps": 0}, ("steps must be at least 1", "got 0")),
        ({"steps": -3}, ("steps must be at least 1", "got -3")),
        ({"batch": 0}, ("batch must be at least 1", "got 0")),
        ({"dt": 0.0}, ("dt must be a finite time step other than 0", "got 0.0")),
        ({"dt": math.nan}, ("dt must be a finite time step other than 0", "got nan")),
        ({"dt": math.inf}, ("dt must be a finite time step other than 0", "got inf")),
        ({"method": "magic"}, ("method must be one of", "yoshida4", "got 'magic'")),
        ({"rtol": 1e-9}, ("yoshida4 has no setting rtol", "dopri5")),
        ({"method": "dopri5", "substeps": 2}, ("dopri5 has no setting substeps", "rtol")),
        ({"method": "rk4", "compensated": True}, ("rk4 has no setting compensated", "yoshida4")),
        ({"substeps": 0}, ("substeps must be an integer of at least 1", "got 0")),
        (
            {"method": make_integrator("leapfrog"), "substeps": 2},
            ("settings (substeps) belong to the integrator",),
        ),
    ],
    ids=lambda x: "-".join(f"{k}={v}" for k, v in x.items()) if isinstance(x, dict) else "",
)
def test_bad_settings_are_named(settings, parts, tmp_path):
    arguments = {"steps": 3, "out": tmp_path / "f.h5"} | settings
    says(InputError, lambda: forecast(MODEL, INITIAL, **arguments), *parts)
    assert list(tmp_path.iterdir()) == []


def test_initial_states_that_do_not_fit_are_named():
    says(
        InputError,
        lambda: forecast(MODEL, INITIAL[:0], 3),
        "initial must hold at least one trajectory",
        "got none",
    )
    deep = Trajectory(
        INITIAL.times[None], INITIAL.q[None], INITIAL.p[None], INITIAL.bodies.map(lambda x: x[None])
    )  # fmt: skip
    says(
        InputError,
        lambda: forecast(MODEL, deep, 3),
        "initial must be one trajectory or a batch",
        "(1, 5, 4, 3, 2)",
    )


def general(strength: float) -> GeneralHamiltonian:
    """H = Σ|p|²/2 − strength Σ|q|⁴: bodies are thrown out, to infinity in finite time."""
    return GeneralHamiltonian(
        lambda z, bodies: 0.5 * z.p.square().sum((-1, -2)) - strength * z.q.square().sum(-1).square().sum(-1)
    )


def test_a_method_that_needs_separability_says_so(tmp_path):
    says(
        InputError, lambda: forecast(general(0.0), INITIAL, 3, method="yoshida4", out=tmp_path / "f.h5"),
        "yoshida4 needs velocity and force apart", "rk4",
    )  # fmt: skip
    assert not (tmp_path / "f.h5").exists()
    assert forecast(general(0.0), INITIAL, 3).attributes["method"] == "gauss4", "the default follows H"
    rollout = forecast(general(0.0), INITIAL, 3, method="rk4").trajectory
    # Free flight with mass 1: rk4 is exact on it but for rounding.
    torch.testing.assert_close(rollout.q[:, 3], INITIAL.q[:, 0] + 3 * STEP * INITIAL.p[:, 0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("method", ["rk4", "leapfrog"])
def test_a_rollout_that_diverges_leaves_no_file(method, tmp_path):
    class Runaway(HLieConv):
        def field(self, bodies) -> Field:
            inner = super().field(bodies)
            inner._gradient = lambda q, *bodies: -1e3 * q**3
            return inner

    runaway = Runaway("SE(2)", 1, width=8)
    says(
        IntegrationError,
        lambda: forecast(runaway, INITIAL, 60, dt=0.5, method=method, out=tmp_path / "f.h5"),
        "the state left the finite numbers", "trajectory",
    )  # fmt: skip
    assert not (tmp_path / "f.h5").exists()


def test_a_forecast_is_built_of_its_parts():
    made = Forecast(INITIAL, MODEL, make_integrator("yoshida4"), {"method": "yoshida4"})
    assert made.errors(INITIAL).eq(0).all()
