"""A forecast chooses its substeps by an error that it estimates, and the estimate is near to the true error."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch

from lieham.data import read_forecast
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import LiehamWarning
from lieham.forecasting import Forecast, forecast
from lieham.forecasting.accuracy import EXCEEDED, TOLERANCE
from lieham.forecasting.intervals import MOST_SUBSTEPS
from lieham.integrate import INTEGRATORS, make_integrator
from lieham.integrate.registry import integrator_of
from lieham.state import Bodies, Trajectory
from tests.forecasting.helpers import INITIAL, MODEL, model, padded

FIXED = [name for name in INTEGRATORS if "substeps" in vars(make_integrator(name))]


def oscillators(*omega: float, dtype: torch.dtype = torch.float64, rest: bool = True) -> Trajectory:
    """One system for each frequency: a body of mass 1 with ω² as its feature, at distance 1 from the origin."""
    n = len(omega)
    q, p = torch.zeros(2, n, 1, 1, 2, dtype=dtype)
    q[..., 0], p[..., 1] = 1.0, 0.0 if rest else 1.0
    stiffness = torch.tensor(omega, dtype=dtype)[:, None, None] ** 2
    return Trajectory.of(torch.zeros(1), q, p, Bodies.of(torch.ones(n, 1, dtype=dtype), stiffness))


SPRING = SeparableHamiltonian(lambda q, bodies: 0.5 * (bodies.features[..., 0] * q.square().sum(-1)).sum(-1))
KEPLER = SeparableHamiltonian(lambda q, bodies: -(bodies.features[..., 0] / q.norm(dim=-1)).sum(-1))
"""Bodies around a centre at the origin; the feature is the strength of the pull."""


def true_error(made: Forecast, omega: float) -> float:
    """The largest error of a single interval from the states of a rollout, as a share of the motion h ω in it."""
    x = made.trajectory
    h = (x.times[0, 1] - x.times[0, 0]).item()
    turn = torch.tensor(omega * h, dtype=torch.float64)
    q = x.q * turn.cos() + x.p * turn.sin() / omega
    p = x.p * turn.cos() - x.q * turn.sin() * omega
    size = omega * abs(h) * (x.q.square().mean(1, keepdim=True) + (x.p / omega).square().mean(1, keepdim=True)).sqrt()
    apart = [(z[:, :-1] - y[:, 1:]).norm(dim=-1) for z, y in ((q, x.q), (p / omega, x.p / omega))]
    return max((e / size.norm(dim=-1)).max().item() for e in apart)


def quiet(*given, **settings) -> Forecast:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LiehamWarning)
        return forecast(*given, **settings)


# The estimate against the exact solution


@pytest.mark.parametrize("rest", [True, False], ids=["from rest", "moving"])
@pytest.mark.parametrize("h_omega", [0.05, 0.2, 0.8, -0.2])
@pytest.mark.parametrize("method", ["yoshida4", "rkn4", "gauss4", "yoshida6", "rk4"])
def test_the_estimate_is_the_true_error(method, h_omega, rest):
    made = forecast(SPRING, oscillators(3.0, rest=rest), 40, dt=h_omega / 3.0, method=method)
    found, true = made.attributes["integrator_error"], true_error(made, 3.0)
    # Sizes in q and p differ by phase, and the estimate is of single intervals: within a factor of 10 of each other.
    assert true / 10 < found < 10 * true or max(found, true) < 1e-12
    assert found <= TOLERANCE and true < 10 * TOLERANCE


@pytest.mark.parametrize("method", ["yoshida4", "rkn4", "gauss4"])
def test_half_as_many_would_not_do(method):
    """The negative control: the choice is the least one, and below it the estimate is beyond the tolerance."""
    start, h = oscillators(3.0), 0.4 / 3.0
    made = quiet(SPRING, start, 40, dt=h, method=method)
    s = made.integrator.substeps
    assert 2 <= s < MOST_SUBSTEPS
    coarser = forecast(SPRING, start, 40, dt=h, method=method, substeps=s // 2)
    assert coarser.attributes["integrator_error"] > TOLERANCE and true_error(coarser, 3.0) > TOLERANCE / 10
    assert true_error(coarser, 3.0) > 8 * true_error(made, 3.0), "order 4"


def test_a_year_of_an_eccentric_orbit():
    """A planet of eccentricity 0.2 at 22 points an orbit; the true errors are those of steps that are 8 times finer."""
    start = replace(oscillators(1.0), p=torch.tensor([0.0, 0.8**0.5], dtype=torch.float64)[None, None, None])
    period = 2 * torch.pi * (1 / (2 - 0.8)) ** 1.5
    made = quiet(KEPLER, start, 22, dt=period / 22)
    fine = quiet(KEPLER, start, 22, dt=period / 22, substeps=8 * made.integrator.substeps).trajectory
    plain = quiet(KEPLER, start, 22, dt=period / 22, substeps=4).trajectory
    # 22 errors of at most 1e-7 of a motion of 0.3, which the orbit's own shear lets grow 3π-fold at most.
    assert (made.trajectory.q - fine.q).abs().max() < 3 * torch.pi * 22 * 0.3 * TOLERANCE
    assert (plain.q - fine.q).abs().max() > 20 * (made.trajectory.q - fine.q).abs().max()


# What the choice depends on


def test_a_stiffer_system_gets_more_substeps():
    chosen = [quiet(SPRING, oscillators(w), 20, dt=0.1).integrator.substeps for w in (0.5, 2.0, 8.0)]
    assert chosen == sorted(set(chosen)), "each more than the one before"


def test_the_most_demanding_system_of_a_batch_decides():
    slow, fast = [0.5] * 30, [0.5] * 29 + [8.0]
    alone = quiet(SPRING, oscillators(8.0), 20, dt=0.1).integrator
    assert quiet(SPRING, oscillators(*fast), 20, dt=0.1).integrator == alone
    assert quiet(SPRING, oscillators(*slow), 20, dt=0.1).integrator.substeps < alone.substeps


def test_the_size_of_a_body_does_not_matter():
    """Errors are shares of each body's own motion: orbits a thousand times smaller need the same steps."""
    start = oscillators(3.0, 3.0, rest=False)
    small = replace(start, q=1e-3 * start.q, p=1e-3 * start.p)
    one, other = (quiet(SPRING, x, 20, dt=0.1) for x in (start, small))
    assert one.integrator == other.integrator
    assert other.attributes["integrator_error"] == pytest.approx(one.attributes["integrator_error"], rel=1e-6)


def test_padded_bodies_do_not_matter():
    assert quiet(MODEL, INITIAL, 5).integrator == quiet(MODEL, padded(INITIAL, 2), 5).integrator


@pytest.mark.parametrize("method", FIXED)
def test_substeps_that_are_asked_for_are_kept(method):
    for given in ({"method": method, "substeps": 3}, {"method": make_integrator(method, substeps=3)}):
        made = quiet(MODEL, INITIAL, 2, **given)
        assert made.integrator.substeps == 3 and made.attributes["integrator_error"] < 1


def test_a_method_that_controls_its_own_error_is_left_alone():
    made = quiet(MODEL, INITIAL, 2, method="dopri5")
    assert "integrator_error" not in made.attributes


def test_rounding_is_no_reason_for_more_steps():
    """In float32 the tolerance is that of its rounding, and no more steps are taken than pay."""
    single, double = (
        quiet(SPRING, oscillators(3.0, dtype=x), 20, dt=0.1).integrator.substeps for x in (torch.float32, torch.float64)
    )
    assert single < double
    assert quiet(model(torch.float32), INITIAL, 5).integrator.substeps < MOST_SUBSTEPS


def test_a_body_at_rest_needs_one_step():
    start = oscillators(3.0)
    still = quiet(SPRING, replace(start, q=0 * start.q), 5, dt=0.1)
    assert still.integrator.substeps == 1 and still.attributes["integrator_error"] == 0


# Warnings


def test_where_32_are_not_enough_it_is_said():
    with pytest.warns(
        LiehamWarning, match="where 1e-07 is wanted, with leapfrog in 32 substeps: give substeps=64"
    ) as said:
        made = forecast(SPRING, oscillators(3.0), 20, dt=0.5, method="leapfrog")
    assert len(said) == 1 and made.warnings == (str(said[0].message),)
    assert made.integrator.substeps == MOST_SUBSTEPS
    assert made.attributes["integrator_error"] > EXCEEDED * TOLERANCE
    for remedy in ({"substeps": 1024}, {"method": "yoshida6"}, {"dt": 0.5 / 1024}):
        assert quiet(SPRING, oscillators(3.0), 20, **({"dt": 0.5, "method": "leapfrog"} | remedy)).warnings == ()


def test_an_encounter_later_is_found():
    """A body falls past the centre: its start needs few steps, and its closest approach more than it has."""
    start = replace(
        oscillators(1.0),
        q=torch.tensor([8.0, 0.0], dtype=torch.float64)[None, None, None],
        p=torch.tensor([-0.5, 0.02], dtype=torch.float64)[None, None, None],
    )
    with pytest.warns(LiehamWarning, match=r"the integrator's error after t = \d+") as said:
        made = forecast(KEPLER, start, 200, dt=0.1)
    when = float(str(said[0].message).split("t = ")[1].split()[0])
    closest = made.trajectory.times[0, made.trajectory.q[0].norm(dim=-1).argmin()].item()
    assert abs(when - closest) < 0.5
    assert quiet(KEPLER, start, int(closest / 0.1) - 20, dt=0.1).warnings == (), "nothing is said before it"


def test_given_substeps_are_judged_by_the_whole_forecast():
    """The errors of all intervals sum up: a short forecast is silent where a long one warns."""
    start, given = oscillators(3.0), {"dt": 0.2, "substeps": 1}
    error = quiet(SPRING, start, 2, **given).attributes["integrator_error"]
    assert 1e-3 < error < 0.05
    with pytest.warns(LiehamWarning, match=r"0\.1 in 500 such steps is wanted, with yoshida4 in 1 substeps"):
        forecast(SPRING, start, 500, **given)


# The same again


@pytest.mark.parametrize("batch", [1, 3, 256])
def test_the_choice_is_deterministic_and_kept_in_the_file(batch, tmp_path):
    made = quiet(MODEL, INITIAL, 12, batch=batch, out=tmp_path / "f.h5")
    _, attributes = read_forecast(tmp_path / "f.h5")
    assert made.integrator == quiet(MODEL, INITIAL, 12).integrator == integrator_of(attributes)
    assert attributes["integrator_error"] <= TOLERANCE


def test_a_continued_forecast_takes_the_same_steps():
    """Bit for bit, with the integrator of the forecast that it continues, without compensation from before."""
    method = replace(quiet(MODEL, INITIAL, 1).integrator, compensated=False)
    whole = quiet(MODEL, INITIAL, 12, method=method).trajectory
    rest = quiet(MODEL, whole.window(6, 1), 6, dt=(whole.times[0, 1] - whole.times[0, 0]).item(), method=method)
    assert torch.equal(rest.trajectory.q, whole.q[:, 6:]) and torch.equal(rest.trajectory.p, whole.p[:, 6:])
