"""Integrations that diverge, and problems and settings that do not fit, are refused by name."""

from __future__ import annotations

import math

import pytest
import torch

from lieham.errors import InputError, IntegrationError
from lieham.integrate import SeparableField, integrate, make_integrator
from lieham.integrate.registry import integrator_of
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import ADAPTIVE, FIXED, Charged, Driven, Melting, Pendulums, Wall, grid, over, start, tight


@over(INTEGRATORS)
def test_inputs_stay(integrator):
    z, times = start(2, 1), grid(0.3, 2)
    copies = [x.clone() for x in (*z, times)]
    tight(integrator).integrate(Driven(), z, times)
    assert all(torch.equal(a, b) for a, b in zip((*z, times), copies, strict=True))


class Exploding(SeparableField):
    """ṗ = q⁵: infinity is reached in finite time."""

    linear_velocity = True

    def velocity(self, t, p):
        return p

    def force(self, t, q):
        return q**5


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(FIXED)
def test_explosion_is_reported(integrator, own):
    """By the time, and by the trajectory that did it where each is stepped by itself."""
    z = PhaseState(torch.tensor([0.0, 3.0]).reshape(2, 1, 1).double(), torch.zeros(2, 1, 1).double())
    times = torch.stack([grid(50.0, 100), grid(50.0, 100) * 1.5]) if own else grid(50.0, 100)
    with pytest.raises(IntegrationError, match=r"left the finite numbers between t = .* \(trajectory 1\)"):
        integrator.integrate(Exploding(), z, times)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(ADAPTIVE)
def test_halt_is_reported(integrator, own):
    times = torch.stack([grid(2.0, 4), grid(2.0, 4) * 1.5]) if own else grid(2.0, 4)
    with pytest.raises(
        IntegrationError, match=rf"{integrator.name} came to a halt near t = 0\.[0-5].*: no step is small"
    ):
        integrator.integrate(Wall(), start(2, 2, 1), times)


@pytest.mark.parametrize("end", [0.5, 12.7, 15.3, 19.9])
def test_explosion_names_the_first_bad_time(end):
    """The interval in which it happened, though the loop looks at the state only now and then."""
    with pytest.raises(IntegrationError, match=rf"between t = {end:g} and t = {end + 0.1:g} \(trajectory 0\)"):
        integrate(Wall(end + 0.02), start(2, 1), grid(20.0, 200), "rkn4")


def test_own_assertions_pass():
    """An assertion of the user's field is not taken for one of torchdiffeq."""

    class Picky(Pendulums):
        def force(self, t, q):
            raise AssertionError("mine")

    with pytest.raises(AssertionError, match="mine"):
        integrate(Picky(), start(2, 1), grid(1.0, 2), "dopri5")


def _bad(name: str, value: float) -> PhaseState:
    q, p = (x.clone() for x in start(3, 2, 1))
    {"q": q, "p": p}[name][1, 0, 0] = value
    return PhaseState(q, p)


T = grid(1.0, 4)
Z = start(3, 2, 1)
BAD_PROBLEMS = {
    "times of another batch": (
        Z,
        T.expand(2, 5),
        r"times must be of shape \(time,\) or \(3, time\), got \(2, 5\)",
    ),
    "times without axis": (Z, T[0], r"times must be of shape \(time,\) or \(3, time\), got \(\)"),
    "no times": (Z, T[:0], r"times must be of shape \(time,\) or \(3, time\), got \(0,\)"),
    "integer times": (Z, torch.arange(4), "times must be a floating tensor, got torch.int64"),
    "learned times": (Z, T.clone().requires_grad_(), "times must not require grad"),
    "infinite time": (Z, torch.tensor([0.0, math.inf]), "times must be finite, got inf"),
    "equal times": (Z, torch.tensor([0.0, 1.0, 1.0]), r"strictly increasing or .* at index \(1,\)"),
    "times that turn": (Z, torch.tensor([0.0, 1.0, 0.5]), r"strictly increasing or .* at index \(1,\)"),
    "one row turns": (Z, torch.stack([T, T, T * 0 + 1]), r"strictly increasing or .* at index \(2, 0\)"),
    "no body axis": (
        PhaseState(torch.zeros(3), torch.zeros(3)),
        T,
        r"q must be .* \(\*batch, n, d\), got \(3,\)",
    ),
    "integer state": (PhaseState(*(x.long() for x in Z)), T, "q must be a floating tensor .* of torch.int64"),
    "p of another shape": (
        PhaseState(Z.q, Z.p[:2]),
        T,
        r"p must be of shape \(3, 2, 1\) .*, got \(2, 2, 1\)",
    ),
    "p of another dtype": (
        PhaseState(Z.q, Z.p.float()),
        T,
        "p must be .* torch.float64 like q, got .*float32",
    ),
    "q is NaN": (_bad("q", math.nan), T, r"initial q must be finite, got nan at index \(1, 0, 0\)"),
    "p is infinite": (_bad("p", math.inf), T, r"initial p must be finite, got inf at index \(1, 0, 0\)"),
}


@pytest.mark.parametrize("case", BAD_PROBLEMS)
@pytest.mark.parametrize("name", ["leapfrog", "rk4", "dopri5"])
def test_bad_problems(name, case):
    state, times, sentence = BAD_PROBLEMS[case]
    with pytest.raises(InputError, match=sentence):
        integrate(Driven(), state, times, name)


BAD_SETTINGS = {
    "unknown method": ("stormer", {}, "method must be one of leapfrog, verlet, yoshida4, .*, got 'stormer'"),
    "not a name": (4, {}, "method must be a name or an Integrator, got 4"),
    "unknown setting": (
        "leapfrog",
        {"steps": 2},
        r"leapfrog has no setting steps \(it has substeps, compensated\)$",
    ),
    "rtol of a fixed step": (
        "rk4",
        {"rtol": 1e-6},
        "rk4 has no setting rtol .*: its step is the grid's: raise substeps",
    ),
    "atol of a splitting": (
        "yoshida4",
        {"atol": 1e-6},
        "yoshida4 has no setting atol .*: its step is the grid's",
    ),
    "substeps of dopri5": (
        "dopri5",
        {"substeps": 2},
        "dopri5 has no setting substeps .*: .* lower rtol and atol",
    ),
    "compensated rk4": (
        "rk4",
        {"compensated": True},
        "rk4 has no setting compensated .*: take a method that sums",
    ),
    "adjoint leapfrog": (
        "leapfrog",
        {"adjoint": True},
        "leapfrog has no setting adjoint .*: leave adjoint out|adjoint",
    ),
    "settings beside an instance": (
        make_integrator("rk4"),
        {"substeps": 2},
        r"settings \(substeps\) belong to",
    ),
    "no substeps": ("leapfrog", {"substeps": 0}, "substeps must be an integer of at least 1, got 0"),
    "half a substep": ("rk4", {"substeps": 1.5}, "substeps must be an integer of at least 1, got 1.5"),
    "substeps True": ("rk4", {"substeps": True}, "substeps must be an integer of at least 1, got True"),
    "compensated 1": ("rkn4", {"compensated": 1}, "compensated must be True or False, got 1"),
    "adjoint yes": ("dopri5", {"adjoint": "yes"}, "adjoint must be True or False, got 'yes'"),
    "rtol 0": ("dopri5", {"rtol": 0.0}, "rtol must be a positive number, got 0.0"),
    "atol NaN": ("dopri8", {"atol": math.nan}, "atol must be a positive number, got nan"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings(case):
    method, settings, sentence = BAD_SETTINGS[case]
    with pytest.raises(InputError, match=sentence):
        integrate(Driven(), Z, T, method, **settings)


@over([i for i in INTEGRATORS if i.needs_separable])
def test_fields_that_do_not_fit(integrator):
    with pytest.raises(
        InputError, match=rf"{integrator.name} needs velocity and force apart .*, got Charged: take gauss4, rk4"
    ):
        integrator.integrate(Charged(), start(2, 2), T)
    if integrator.name == "rkn4":
        with pytest.raises(InputError, match=r"rkn4 needs a velocity linear in p .* Melting .*: take yoshida4"):
            integrator.integrate(Melting(), start(2, 2), T)


@pytest.mark.parametrize("name", ["leapfrog", "rk4", "dopri5"])
def test_fields_that_change_the_state(name):
    class Wide(Pendulums):
        def force(self, t, q):
            return -q.expand(5, 2, 1)

    class Double(Pendulums):
        def force(self, t, q):
            return -q.double()

    with pytest.raises(InputError, match=r"adds to [qp] must be of shape \(2, 1\) and .*, got \(5, 2, 1\)"):
        integrate(Wide(), start(2, 1), T, name)
    with pytest.raises(InputError, match=r"adds to [qp] must be .* torch.float32 like the state, got .* torch.float64"):
        integrate(Double(), start(2, 1, dtype=torch.float32), T, name)


# The integrator of a forecast


@pytest.mark.parametrize("method", [x.name for x in INTEGRATORS])
def test_an_integrator_is_found_again_by_how_it_prints_itself(method):
    """With settings that are not its defaults; a setting that is dropped would give another one."""
    made = make_integrator(method)
    others = {"substeps": 3, "compensated": True, "rtol": 1e-7, "atol": 3e-9, "adjoint": True}
    changed = make_integrator(method, **{name: x for name, x in others.items() if name in vars(made)})
    assert changed != made
    for own in (made, changed):
        assert integrator_of({"method": method, "settings": str(own)}) == own
    assert integrator_of({"method": method}) == made


@pytest.mark.parametrize(
    "attributes, message",
    [
        ({}, "method of the forecast must be one of leapfrog"),
        ({"method": "mine", "settings": "Mine()"}, "method of the forecast must be one of leapfrog, .*, got 'mine'"),
        ({"method": "rk4", "settings": "RK4(substeps=one)"}, "settings of the forecast must be an integrator such as"),
        ({"method": "rk4", "settings": "RK4"}, "settings of the forecast must be"),
        ({"method": "rk4", "settings": "RK4(substeps="}, "settings of the forecast must be"),
        ({"method": "rk4", "settings": "RK4(rtol=1.0)"}, "rk4 has no setting rtol"),
        ({"method": "rk4", "settings": "RK4(substeps=0)"}, "substeps must be"),
        ({"method": "rk4", "settings": "RK4(substeps=__import__('os').getpid())"}, "settings of the forecast must be"),
    ],
)
def test_attributes_of_no_integrator_are_refused(attributes, message):
    with pytest.raises(InputError, match=message):
        integrator_of(attributes)
