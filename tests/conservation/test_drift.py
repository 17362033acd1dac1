"""Conservation: charges from generators, promises from groups, drift as defined by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lieham.conservation.charges import Charge
from lieham.conservation.drift import conservation
from lieham.dynamics import Promise
from lieham.errors import InputError
from lieham.forecasting import Forecast, forecast
from lieham.groups import Translation
from lieham.integrate import make_integrator
from lieham.models import HLieConv
from lieham.state import Bodies, Trajectory
from tests.conservation.rollouts import PLANE, initial, rollout

SPACE = ["P_x", "P_y", "P_z", "L_x", "L_y", "L_z", "L_cm_x", "L_cm_y", "L_cm_z", "K_x", "K_y", "K_z", "H"]
NAMES = {2: PLANE, 3: SPACE}


# What is promised, and what is kept


@pytest.mark.parametrize(
    "group, promised",
    [
        ("Trivial(2)", ["H"]),
        ("T(2)", ["P_x", "P_y", "K_x", "K_y", "H"]),
        ("SO(2)", ["L", "H"]),
        ("SE(2)", PLANE),
        ("Trivial(3)", ["H"]),
        ("T(3)", ["P_x", "P_y", "P_z", "K_x", "K_y", "K_z", "H"]),
        ("SO(3)", ["L_x", "L_y", "L_z", "H"]),
        ("SE(3)", SPACE),
    ],
)
def test_promises_follow_from_the_group_and_are_held(group, promised):
    """What the model's generators span is promised and kept to round-off; the rest is seen to drift."""
    report = conservation(rollout(group))
    assert [charge.name for charge in report.charges] == NAMES[3 if "3" in group else 2]
    assert [charge.name for charge in report.charges if charge.promised] == promised
    for charge in report.charges:
        if charge.name != "H":
            largest = charge.drift.max().item()
            # 10 steps with compensated sums: a few units of round-off, against a broken symmetry's 1e-3.
            assert largest < 1e-14 if charge.promised else largest > 1e-6, (charge.name, largest)


@pytest.mark.parametrize(
    "method, linear, quadratic",
    [("yoshida4", True, True), ("leapfrog", True, True), ("rkn4", True, False), ("rk4", True, False)],
)
def test_the_integrator_is_told_apart_from_the_model(method, linear, quadratic):
    """With an SE(2) model and large steps, L drifts where the method is not symplectic, P nowhere."""
    report = conservation(rollout("SE(2)", method, dt=0.3, substeps=1))
    flags = {charge.name: charge.kept for charge in report.charges}
    boosts = {"K_x": linear, "K_y": linear}
    assert flags == {"P_x": linear, "P_y": linear, "L": quadratic, "L_cm": quadratic, **boosts, "H": False}
    assert all(charge.promised for charge in report.charges)
    # Round-off of 10 steps, against the truncation error of a step of 0.3, 1e-9 and more.
    assert report.largest("P") < 1e-14
    drift = report["L_cm"].drift.max().item()
    assert drift < 1e-14 if quadratic else drift > 1e-11


def test_the_model_decides_what_is_promised_not_the_group_asked_for():
    asked = conservation(rollout("T(2)", steps=1), "SE(2)")
    assert not asked["L"].promised and not asked["L_cm"].promised and asked["P_x"].promised
    turnable = rollout("SE(2)", steps=1)
    only = conservation(turnable, "T(2)")
    assert [charge.name for charge in only.charges] == ["P_x", "P_y", "K_x", "K_y", "H"]
    turning = conservation(turnable, "SO(2)")
    assert [charge.name for charge in turning.charges] == ["L", "L_cm", "H"]
    assert all(charge.promised for charge in turning.charges)
    about_origin = conservation(rollout("SO(2)", steps=1), "SO(2)")
    assert about_origin["L"].promised and not about_origin["L_cm"].promised, "L_cm needs translations too"
    nothing = conservation(turnable, "Trivial(2)")
    assert [charge.name for charge in nothing.charges] == ["H"]


def test_a_group_may_be_given_as_such():
    by_name, given = (conservation(rollout("T(2)", steps=2), group) for group in ("T(2)", Translation(2)))
    assert by_name.as_dict()["charges"] == given.as_dict()["charges"]


@pytest.mark.parametrize("group", ["SE(3)", "T(3)", "Trivial(1)"])
def test_a_group_of_another_dimension_is_refused(group):
    with pytest.raises(InputError, match=r"group must act on 2 dimensions like the forecast, got ") as caught:
        conservation(rollout("SE(2)", steps=1), group)
    assert group in str(caught.value)


# Values and drifts by hand


def loops(x: Trajectory, k: int, t: int) -> dict[str, float]:
    """P, L about the origin and about the centre of mass of system k at time t, body by body."""
    mass, q, p = x.bodies.mass[k].tolist(), x.q[k, t].tolist(), x.p[k, t].tolist()
    total = sum(mass)
    centre = [sum(m * r[i] for m, r in zip(mass, q, strict=True)) / total for i in (0, 1)]
    P = [sum(r[i] for r in p) for i in (0, 1)]
    L = sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(q, p, strict=True))
    K = {f"K_{a}": total * centre[i] - 0.05 * t * P[i] for i, a in enumerate("xy")}
    return {"P_x": P[0], "P_y": P[1], "L": L, "L_cm": L - (centre[0] * P[1] - centre[1] * P[0]), **K}


def scales(x: Trajectory, k: int, t: int) -> dict[str, float]:
    """Σ|p|, Σ|q × p| and Σ|p|²/2m; Σ|q' × p'| in the frame of the centre of mass."""
    mass, q, p = x.bodies.mass[k].tolist(), x.q[k, t].tolist(), x.p[k, t].tolist()
    total = sum(mass)
    centre = [sum(m * r[i] for m, r in zip(mass, q, strict=True)) / total for i in (0, 1)]
    P = [sum(r[i] for r in p) for i in (0, 1)]
    inner = [
        ([r[i] - centre[i] for i in (0, 1)], [s[i] - m / total * P[i] for i in (0, 1)])
        for m, r, s in zip(mass, q, p, strict=True)
    ]
    size = sum(math.hypot(*s) for s in p)
    return {
        "P_x": size,
        "P_y": size,
        "L": sum(abs(a[0] * b[1] - a[1] * b[0]) for a, b in zip(q, p, strict=True)),
        "L_cm": sum(abs(a[0] * b[1] - a[1] * b[0]) for a, b in inner),
        **{f"K_{a}": sum(m * math.hypot(*r) for m, r in zip(mass, q, strict=True)) + 0.05 * t * size for a in "xy"},
        "H": sum((s[0] ** 2 + s[1] ** 2) / (2 * m) for m, s in zip(mass, p, strict=True)),
    }


def test_values_scales_and_drifts_are_those_of_a_loop():
    made = rollout("Trivial(2)", steps=5)
    report, x = conservation(made), made.trajectory
    for k in range(3):
        mean = {name: sum(scales(x, k, t)[name] for t in range(6)) / 6 for name in PLANE}
        first = loops(x, k, 0)
        for name in PLANE:
            assert report[name].scale[k].item() == pytest.approx(mean[name], rel=1e-13)  # sums in another order
        for name, start in first.items():
            now = loops(x, k, 5)[name]
            assert report[name].values[k, 5].item() == pytest.approx(now, rel=1e-12, abs=1e-13)
            # Without symmetry the change is of order 1e-2, so that a difference keeps 12 of 16 digits.
            assert report[name].drift[k, 5].item() == pytest.approx(abs(now - start) / mean[name], rel=1e-9)
    energy = made.model.energy(x.window(5, 1).state(0), x.bodies)
    torch.testing.assert_close(report["H"].values[:, 5], energy.detach(), rtol=1e-14, atol=1e-14)


def test_energy_is_taken_in_pieces_that_join():
    """More than the 64 times that are evaluated together, in one piece of 64 and one of 7."""
    made = rollout("SE(2)", steps=70, substeps=1)
    x, report = made.trajectory, conservation(made)
    assert report["H"].values.shape == (3, 71) == report.times.shape
    for t in (0, 63, 64, 70):
        with torch.no_grad():
            torch.testing.assert_close(report["H"].values[:, t], made.model.energy(x.state(t), x.bodies))


def test_padding_changes_nothing():
    x = initial()
    q, p = (torch.cat([z, z.new_zeros(3, 4, 2, 2)], 2) for z in (x.q, x.p))
    mass, spring = (torch.cat([z, z.new_zeros(3, 2)], 1) for z in (x.bodies.mass, x.bodies.features[..., 0]))
    mask = torch.arange(5).lt(3).expand(3, 5)
    more = Trajectory.of(x.times, q, p, Bodies.of(mass, spring[..., None], mask))
    model, integrator = HLieConv("T(2)", 1, width=8), make_integrator("yoshida4")
    plain, padded = (conservation(Forecast(z, model, integrator, {})) for z in (x, more))
    for a, b in zip(plain.charges, padded.charges, strict=True):
        torch.testing.assert_close((a.values, a.scale), (b.values, b.scale), rtol=1e-13, atol=1e-13)


def charge(values: list[list[float]], scale: list[float]) -> Charge:
    return Charge(Promise("P_x", "yes", "It was said."), torch.tensor(values), torch.tensor(scale), True, "linear")


def test_drift_is_the_change_over_the_scale():
    one = charge([[1.0, 3.0, 0.5], [-2.0, -2.0, -6.0]], [2.0, 4.0])
    assert one.drift.tolist() == [[0.0, 1.0, 0.25], [0.0, 0.0, 1.0]]
    assert one.as_dict() == {
        "name": "P_x",
        "max_drift": 1.0,
        "median_drift": 1.0,
        "final_drift": 0.25,  # torch's median of two is the lower
        "promised": True,
        "why": "It was said.",
        "integrator_keeps": True,
    }


def test_rest_is_no_drift_and_a_change_from_nothing_is_infinite():
    assert charge([[0.0, 0.0]], [0.0]).drift.tolist() == [[0.0, 0.0]]
    assert charge([[0.0, 1e-9]], [0.0]).drift.tolist() == [[0.0, math.inf]]


def test_what_is_not_a_number_is_not_called_conserved():
    drift = charge([[1.0, math.nan, 1.0], [1.0, math.inf, 1.0]], [1.0, 1.0]).drift
    assert math.isnan(drift[0, 1]) and drift[1, 1] == math.inf and drift[:, 2].eq(0).all()


def test_bodies_at_rest_do_not_drift():
    """Two bodies at one point have no direction to be pulled in: they stay, and every scale is 0."""
    bodies = Bodies.of(torch.ones(1, 2, dtype=torch.float64), torch.ones(1, 2, 1, dtype=torch.float64))
    zero = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    start = Trajectory.of(torch.arange(2, dtype=torch.float64), zero, zero, bodies)
    report = conservation(forecast(HLieConv("SE(2)", 1, width=8), start, 3))
    assert all(c.drift.eq(0).all() and c.scale.eq(0).all() for c in report.charges)
    assert "nan" not in str(report)
