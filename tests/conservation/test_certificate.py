"""Certificates: growth laws recognised, and the blame put where it belongs."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.conservation.certificate import Drift, certify, growth_exponent, name_of_growth
from lieham.conservation.charges import Conservation
from tests.helpers.cases import randomise
from tests.helpers.conservation import attractive, start

EPS = torch.finfo(torch.float64).eps
TIMES = torch.linspace(0, 10, 2001, dtype=torch.float64).expand(20, -1)


def walk(seed: int = 0) -> torch.Tensor:
    """|Σ ξ|, random walks from 0."""
    steps = torch.randn(20, 2000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.pad(steps.cumsum(1), (1, 0)).abs()


@pytest.mark.parametrize(
    "drift, name",
    [
        (1e-3 * TIMES, "t"),
        (1e-3 * (5 * TIMES).sin().abs(), "constant"),
        (1e-3 * walk(), "√t"),
        (1e-3 * TIMES**2, "t^2.0"),
        (1e-3 * TIMES[:, :10], "?"),
    ],
)
def test_growth_laws_are_recognised(drift, name):
    assert name_of_growth(growth_exponent(drift, TIMES[:, : drift.shape[1]])) == name


def test_nothing_that_moves_has_no_law():
    assert growth_exponent(0 * TIMES, TIMES) is None
    made = certify("yes", True, "keeps linear", Drift(0 * TIMES, TIMES, EPS))
    assert (made.growth, made.blame) == ("none", "")


@pytest.mark.parametrize(
    "model, kept, size, blame",
    [
        ("yes", True, 10 * EPS, ""),
        ("yes", True, 1e-13, "precision"),
        ("yes", True, 1e-6, "model"),
        ("yes", False, 1e-6, "integrator"),
        ("no", True, 1e-6, "model"),
        ("no: changes K", False, 1e-6, "model"),
        ("on average", True, 1e-6, "model"),
        ("no", True, 10 * EPS, ""),
    ],
)
def test_blame(model, kept, size, blame):
    assert certify(model, kept, "", Drift(size * walk() / walk().max(), TIMES, EPS)).blame == blame


def report(model, method="yoshida4", steps=200, dt=0.02, **settings) -> Conservation:
    forecast = lieham.forecast(model, start(model.group.space_dim), steps, dt=dt, method=method, substeps=1, **settings)
    return lieham.conservation(forecast)


def blames(made: Conservation) -> dict[str, str]:
    return {charge.name: made.certificate(charge.name).blame for charge in made.charges}


def test_a_symmetric_model_under_a_symplectic_method_is_to_blame_for_nothing():
    assert blames(report(attractive("SE(2)"))) == {n: "" for n in ("P_x", "P_y", "L", "L_cm", "K_x", "K_y")} | {
        "H": "integrator"
    }


def test_rk4_is_to_blame_for_l_alone():
    made = report(attractive("SE(2)"), "rk4", dt=0.03)
    found = blames(made)
    assert found["L"] == found["L_cm"] == "integrator" and found["P_x"] == found["K_x"] == ""
    assert made.certificate("L").integrator == "keeps none"


def test_a_model_without_the_symmetry_is_to_blame():
    made = report(attractive("T(2)"))
    assert blames(made)["L"] == "model" and blames(made)["P_x"] == "" and made.certificate("L").model == "no"


def test_samples_keep_on_average_and_so_not_at_all():
    model = randomise(lieham.HLieConv("SE(2)", 1, width=16, lift="sampled"))
    made = report(model, steps=50)
    assert made.certificate("L").model == "on average" and not made["L"].promised
    assert blames(made)["L"] == "model" and made.largest("L") > 1e-6
    # Frames are of each body's own, and a translation moves none of them: P is kept, though nobody promised it.
    assert made.largest("P") < 1e-14


def test_precision_is_to_blame_where_sums_are_plain_and_the_system_is_far_off():
    x = start(2)
    far = lieham.Trajectory.of(x.times, x.q + 1e4, x.p, x.bodies)
    model = attractive("SE(2)")
    made = lieham.conservation(lieham.forecast(model, far, 300, dt=0.02, substeps=1, compensated=False))
    assert made.certificate("L_cm").blame == "precision" and made["L_cm"].drift.max() > 1e-13
    assert made.certificate("L").blame == "", "at that distance the same loss is small beside Σ|q × p|"


class Liar(lieham.SeparableHamiltonian):
    """V = Σ x⁴ / 4 about the origin, which declares SE(2)."""

    group = lieham.make_group("SE(2)")

    def __init__(self):
        super().__init__(lambda q, bodies: (q[..., 0] ** 4 * bodies.mask).sum(-1) / 4)


def test_a_symmetry_that_is_declared_and_not_there_is_found_out():
    found = blames(report(Liar()))
    assert found["P_x"] == found["L"] == "model" and found["P_y"] == ""


def test_a_scaling_is_no_symmetry_of_the_kinetic_energy():
    model = randomise(lieham.HLieConv("R*SO(2)", 1, width=16))
    x = systems_off_centre()
    made = lieham.conservation(lieham.forecast(model, x, 50, dt=0.01, substeps=1))
    assert made.certificate("D").model == "no: changes K" and made.certificate("D").blame == "model"
    assert made.certificate("L").blame == ""


def systems_off_centre():
    """Bodies away from the origin, where scalings are singular."""
    x = start(2)
    return lieham.Trajectory.of(x.times, x.q + 5.0, x.p, x.bodies)


def test_the_boosts_charge_is_the_motion_of_the_centre_of_mass():
    made = report(attractive("SE(2)"))
    x = start(2)
    mass = x.bodies.mass
    expected = (mass[..., None] * x.q[:, 0]).sum(1)
    torch.testing.assert_close(torch.stack([made["K_x"].values[:, 0], made["K_y"].values[:, 0]], -1), expected)
    assert made.largest("K") < 1e-14
    lost = report(attractive("Trivial(2)"))
    assert lost.largest("K") > 1e-3 and not lost["K_x"].promised
