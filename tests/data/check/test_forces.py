"""The check names forces that no Hamiltonian has: drag, driving, outside fields; and what the declared group breaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import systems
from lieham.data import Dataset, check
from lieham.errors import InputError
from tests.data.check.helpers import LAWS, Rate, moved, noisy, of_law, sun

over_laws = pytest.mark.parametrize("law", LAWS)
PLANE = ("springs", "attraction", "trap")
"""Laws in two dimensions or more."""


def with_more(law: str, more: Rate, **settings: float) -> Dataset:
    """Trajectories of a law with another acceleration added."""
    rate, n, d = LAWS[law]
    return moved(lambda *x: rate(*x) + more(*x), n, d, **settings)


def names(data: Dataset) -> set[str]:
    return {x.name for x in check(data).findings} - {"few-points"}


@pytest.mark.parametrize("gamma", [0.4, 0.01, -0.05])
@over_laws
def test_drag_and_gain(law, gamma):
    data = with_more(law, lambda t, q, v, m, c: -gamma * v)
    report = check(data)
    fault = report.named("drag" if gamma > 0 else "gain")
    assert fault is not None and fault.severity == "fault", report
    assert fault.figures["gamma"] == pytest.approx(gamma, rel=0.02)
    assert not names(data) & {"driving", "lorentz-force", "uniform-acceleration"}


@over_laws
def test_drag_in_one_trajectory(law):
    data = with_more(law, lambda t, q, v, m, c: -0.1 * v, k=1, points=400)
    fault = check(data).named("drag")
    assert fault is not None and fault.figures["gamma"] == pytest.approx(0.1, rel=0.05)


def test_drag_under_noise():
    data = noisy(with_more("springs", lambda t, q, v, m, c: -0.2 * v), 1e-3)
    fault = check(data).named("drag")
    assert fault is not None and fault.figures["gamma"] == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("law", ["springs", "bending", "lennard-jones", "morse"])
def test_drag_of_laws_of_any_kind(law):
    """Momenta of a closed system decay alike, whatever the forces are: leapfrog with a drag between its steps."""
    own = systems.SYSTEMS[law](4)
    state, bodies = own.sample(6, torch.Generator().manual_seed(1))
    state = state.shift(dp=0.3 * bodies.mass[..., None])
    step, gamma, path = 0.005, 0.4, [state]
    times = torch.arange(2, dtype=torch.float64) * step
    for _ in range(120):
        state = path[-1]._replace(p=path[-1].p * np.exp(-gamma * step / 2))
        state = type(state)(*(x[:, -1] for x in own.solve(state, bodies, times)))
        path.append(state._replace(p=state.p * np.exp(-gamma * step / 2)))
    q, p = (torch.stack([x[i] for x in path], 1) for i in (0, 1))
    data = Dataset(systems.laws.base.Trajectory.of(step * torch.arange(121, dtype=torch.float64), q, p, bodies))
    fault = check(data).named("drag")
    assert fault is not None and fault.figures["gamma"] == pytest.approx(gamma, rel=0.02)


@pytest.mark.parametrize("omega", [3.0, 1.3])
@over_laws
def test_a_force_that_oscillates(law, omega):
    d = LAWS[law][2]
    data = with_more(law, lambda t, q, v, m, c: 0.3 * np.cos(omega * t) * np.eye(d)[0] / m[:, None])
    fault = check(data).named("driving")
    assert fault is not None and fault.severity == "fault"
    assert fault.figures["frequency"] == pytest.approx(omega, rel=0.02) and not fault.figures["parametric"]


@over_laws
def test_strengths_that_oscillate(law):
    rate, n, d = LAWS[law]
    data = moved(lambda t, *x: rate(t, *x) * (1 + 0.2 * np.cos(3 * t)), n, d)
    fault = check(data).named("driving")
    assert fault is not None and fault.figures["frequency"] == pytest.approx(3, rel=0.02)
    assert fault.figures["parametric"] and fault.figures["amplitude"] == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("law", ["springs", "attraction"])
def test_a_uniform_acceleration(law):
    g = np.array([0.0, 0.2, -0.1])[: LAWS[law][2]]
    data = with_more(law, lambda t, q, v, m, c: g + 0 * q)
    found = check(data).named("uniform-acceleration")
    assert found is not None and found.figures["acceleration"] == pytest.approx(g, abs=2e-3)
    assert check(data, f"SE({len(g)})").named("group") is not None


@pytest.mark.parametrize("push", [1e-8, 1e-7])
@pytest.mark.parametrize("eps", [1e-6, 1e-3])
def test_a_push_of_light_planets(push, eps):
    found = check(sun(push, eps)).named("uniform-acceleration")
    assert found is not None and found.figures["acceleration"] == pytest.approx([push, 0, 0], rel=1e-3)
    report = check(sun(push, eps), "SE(3)")
    assert report.named("group") is not None and report.supported != "SE(3)"
    assert check(sun(0.0, eps), "SE(3)").faults == ()


@pytest.mark.parametrize("law", PLANE)
def test_a_magnetic_force_with_mechanical_momenta(law):
    def turned(t, q, v, m, c):
        strength = c[:, None] if len(q) > 1 else 1.0
        return strength * np.stack([v[:, 1], -v[:, 0], *([0 * v[:, 0]] * (v.shape[1] - 2))], -1) / m[:, None]

    report = check(with_more(law, turned))
    fault = report.named("lorentz-force")
    assert fault is not None and "VectorPotentialLieConv" in fault.sentence
    assert abs(fault.figures["strength"]) == pytest.approx(1, rel=0.02) and fault.figures["plane"] == "xy"
    assert report.named("drag") is None and report.named("canonical-momenta") is None


def test_a_declared_group_that_the_data_contradict():
    data = moved(*LAWS["trap"])
    report = check(data, "SE(2)")
    fault = report.named("group")
    assert fault is not None and set(fault.figures["changes"]) == {"P_x", "P_y", "L"}
    assert report.supported == "Trivial(2)"
    assert check(data, "Trivial(2)").faults == ()


def test_an_anisotropic_pair_keeps_its_momentum_alone():
    def pair(t, q, v, m, c):
        return -(q - q[::-1]) * np.array([1.0, 4.0]) / m[:, None]

    data = moved(pair, 2, 2)
    report = check(data, "SE(2)")
    fault = report.named("group")
    assert fault is not None and set(fault.figures["changes"]) == {"L"} and '"T(2)"' in fault.sentence
    assert report.supported == "T(2)" and check(data, "T(2)").faults == ()


def test_a_group_of_another_dimension_is_refused():
    with pytest.raises(InputError, match=r"group must be of 2 dimensions like q, got SE\(3\)"):
        check(of_law("springs"), "SE(3)")
