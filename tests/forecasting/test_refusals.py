"""Forecasts of input that does not fit are refused by name, and one that diverges leaves no file."""

from __future__ import annotations

import math

import pytest
import torch

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import InputError, IntegrationError
from lieham.forecasting import Forecast, forecast
from lieham.integrate import make_integrator
from lieham.integrate.base import Field
from lieham.models import HLieConv
from lieham.state import Trajectory
from tests.forecasting.helpers import INITIAL, MODEL, STEP
from tests.helpers.refusals import says


@pytest.mark.parametrize(
    "settings, parts",
    [
        ({"steps": 0}, ("steps must be an integer of at least 1", "got 0")),
        ({"steps": -3}, ("steps must be an integer of at least 1", "got -3")),
        ({"batch": 0}, ("batch must be an integer of at least 1", "got 0")),
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
