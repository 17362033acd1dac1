"""The blame for a drift: a model that does not keep it, an integrator that errs, rounding, or a path of another law."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.conservation import Conservation
from lieham.forecasting import Forecast
from lieham.integrate import make_integrator
from lieham.integrate.base import SeparableField
from lieham.state import PhaseState, Trajectory
from tests.helpers.conservation import start


def pull(q: torch.Tensor, bodies: lieham.Bodies) -> torch.Tensor:
    """Quartic springs between all pairs."""
    d = q[..., :, None, :] - q[..., None, :, :]
    return 0.05 * d.square().sum(-1).square().sum((-2, -1))


class Rubbed(SeparableField):
    """The field of springs with a drag −c p and a push a cos 3t along x."""

    def __init__(self, field: SeparableField, drag: float, push: float):
        self.field, self.drag, self.push = field, drag, push

    def velocity(self, t, p):
        return self.field.velocity(t, p)

    def force(self, t, q):
        return self.field.force(t, q)

    def __call__(self, t, state):
        dp = self.force(t, state.q) - self.drag * state.p
        along = torch.zeros_like(dp)
        along[..., 0] = self.push
        return PhaseState(self.velocity(t, state.p), dp + along * torch.as_tensor(3 * t).cos())


def springs() -> lieham.SeparableHamiltonian:
    model = lieham.SeparableHamiltonian(pull)
    model.group = lieham.make_group("SE(2)")
    return model


class RubbedSprings(lieham.GeneralHamiltonian):
    """A Hamiltonian whose field has a drag that its H does not know of."""

    def __init__(self, drag: float):
        super().__init__(lambda state, bodies: springs().energy(state, bodies), group="SE(2)")
        self.drag = drag

    def field(self, bodies):
        return Rubbed(springs().field(bodies), self.drag, 0.0)


def observed(drag: float = 0.0, push: float = 0.0, steps: int = 60, method: str = "rk4") -> Trajectory:
    """A path of springs with drag and push, on a grid of steps of 0.02."""
    x = start(2)
    times = torch.arange(steps + 1, dtype=torch.float64)[:, None].mul(0.02).expand(-1, 2).T
    field = Rubbed(springs().field(x.bodies), drag, push)
    path = make_integrator(method, substeps=4).integrate(field, x.state(0), times)
    return Trajectory.of(times, path.q, path.p, x.bodies)


def judged(path: Trajectory, method: str = "yoshida4") -> Conservation:
    return lieham.conservation(Forecast(path, springs(), make_integrator(method), {}))


def blames(made: Conservation) -> dict[str, str]:
    return {charge.name: made.certificate(charge.name).blame for charge in made.charges}


@pytest.mark.parametrize("method", ["yoshida4", "leapfrog", "rk4", "dopri5", "gauss4"])
@pytest.mark.parametrize("drag, push, lost", [(0.4, 0.0, "HLP"), (0.01, 0.0, "HLP"), (0.0, 0.1, "HP")])
def test_the_path_of_another_law_is_to_blame_itself(method, drag, push, lost):
    made = judged(observed(drag, push), method)
    assert {blames(made)[name] for name in ("H", "L", "P_x") if name[0] in lost} == {"path"}
    reason = made.certificate("H").reason
    assert "not the flow of the model" in reason and f"H: {reason}" in str(made).splitlines()
    assert made.as_dict()["charges"][-1]["reason"] == reason


@pytest.mark.parametrize("method", ["yoshida4", "leapfrog", "rk4", "dopri5", "gauss4", "euler"])
def test_the_flow_of_the_model_itself_is_no_path_of_another_law(method):
    made = lieham.conservation(lieham.forecast(springs(), start(2), 60, dt=0.02, method=method))
    found = blames(made)
    assert found["H"] in ("integrator", "") and set(found.values()) <= {"integrator", ""}, f"\n{made}"


def test_a_path_that_is_finer_than_the_method_named_is_no_other_law():
    found = judged(observed(method="rk4"), "leapfrog")
    assert "path" not in blames(found).values()


def test_a_field_that_is_not_that_of_h_is_the_models_fault():
    made = lieham.conservation(lieham.forecast(RubbedSprings(0.1), start(2), 60, dt=0.02, method="rk4", substeps=4))
    assert {blames(made)[name] for name in ("H", "L", "P_x")} == {"model"}
    assert "field is not that of H" in made.certificate("H").reason
    sound = lieham.conservation(lieham.forecast(RubbedSprings(0.0), start(2), 60, dt=0.02, method="rk4", substeps=4))
    assert blames(sound)["H"] == "integrator" and blames(sound)["L"] == "integrator"


def test_a_single_kick_is_found():
    path = observed()
    p = path.p.clone()
    p[:, 31:, 0, 0] += 0.01
    made = judged(Trajectory.of(path.times, path.q, p, path.bodies))
    assert blames(made)["P_x"] == "path" and blames(made)["P_y"] == ""


def test_measured_noise_is_a_path_and_no_integrator():
    path = observed()
    noise = 1e-3 * torch.randn(2, *path.q.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    made = judged(Trajectory.of(path.times, path.q + noise[0], path.p + noise[1], path.bodies))
    assert {blames(made)[name] for name in ("H", "L", "P_x")} == {"path"}


def test_float32_is_to_blame_where_steps_are_short_and_the_integrator_where_they_are_long():
    x, model = start(2).to(dtype=torch.float32), springs()
    short = lieham.conservation(lieham.forecast(model, x, 300, dt=0.002, method="yoshida4", compensated=False))
    assert blames(short)["H"] in ("precision", "") and "integrator" not in blames(short).values()
    long = lieham.conservation(lieham.forecast(model, x, 60, dt=0.1, method="leapfrog", substeps=1))
    assert blames(long)["H"] == "integrator"


def test_a_symmetry_that_nobody_declared_is_not_the_models_fault():
    """V has SE(2) and declares T(2): rk4 loses L all the same."""
    model = springs()
    model.group = lieham.make_group("T(2)")
    made = lieham.conservation(lieham.forecast(model, start(2), 60, dt=0.05, method="rk4", substeps=1))
    assert made.certificate("L").model == "no" and made.certificate("L").blame == "integrator"
    assert "flow of the model by" in made.certificate("L").reason


def test_each_step_is_split_without_a_remainder():
    made = judged(observed(0.1))
    found = made.examined([0, 1])
    for charge in made.charges:
        if charge.name[0] != "K":  # whose time runs from the start of each step
            total = found.parts[charge.name].sum(0)
            torch.testing.assert_close(total, charge.values[:, 1:] - charge.values[:, :1], rtol=1e-9, atol=1e-12)


def test_long_paths_are_sampled():
    x = start(2)
    made = lieham.conservation(lieham.forecast(springs(), x, 700, dt=0.02, method="leapfrog", substeps=1))
    assert made.examined([1]).parts["H"].shape == (3, 1, 512) and blames(made)["H"] == "integrator"


def test_a_path_without_a_step_and_an_integrator_that_refuses_say_nothing():
    path = observed()
    assert judged(path.window(0, 1)).examined([0]) is None
    general = lieham.GeneralHamiltonian(lambda state, bodies: springs().energy(state, bodies), "SE(2)")
    made = lieham.conservation(Forecast(path, general, make_integrator("yoshida4"), {}))
    assert made.examined([0]) is None
