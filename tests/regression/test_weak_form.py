"""The weak form: its equations, its functions, and which windows show their path."""

from __future__ import annotations

import pytest
import torch

from lieham import HLieConv
from lieham.integrate import make_integrator
from lieham.regression.dictionary import Columns, distinguishable
from lieham.regression.interpolant import Slopes, hermite, known, resolution
from lieham.regression.weak_form import assemble
from lieham.state import Bodies, Trajectory
from lieham.training import TrainConfig
from systems import Springs
from systems.baselines import free_flight, window_mse
from tests.helpers.cases import trainer_of
from tests.regression.helpers import few, generator, median_error


@pytest.mark.parametrize(
    ("group", "settings"),
    [
        ("SE(2)", {}),
        ("SE(2)", {"blocks": 2}),
        ("SE(2)", {"radius": 2.0}),
        ("SE(2)", {"lift": "sampled"}),
        ("T(2)", {}),
        ("SO(3)", {}),
        ("SO(2)xT(1)", {}),
    ],
)
def test_basis_is_the_derivative_by_the_weights(group, settings):
    """V(θ) − V(0) = Σ θ Φ for random θ, padding included."""
    model = HLieConv(group, 1, width=8, **settings)
    d, potential = model.group.space_dim, model.potential
    q = torch.randn(3, 4, d, generator=generator(), dtype=torch.float64)
    mask = torch.tensor([True, True, True, False]).expand(3, 4)
    bodies = Bodies.of(torch.rand(3, 4, generator=generator(1), dtype=torch.float64) + 0.5, q[..., :1].abs(), mask)
    kernel = potential.network.blocks[-1].conv.kernel
    with torch.no_grad():
        kernel.mlp[-1].bias.zero_()
        theta = [torch.randn(w.shape, generator=generator(2), dtype=w.dtype) for w in kernel.linear()]
        values = []
        for factor in (0, 1):
            for w, x in zip(kernel.linear(), theta, strict=True):
                w.copy_(factor * x)
            values.append(potential(q, bodies))
        basis = potential.basis(q, bodies)
    want = values[1] - values[0]
    torch.testing.assert_close((basis * torch.cat(theta, 1).mT).sum((-1, -2)), want, rtol=1e-11, atol=1e-11)


def test_hermite_is_exact_for_polynomials_of_degree_nine():
    """Values and slopes at 5 uneven times determine a polynomial of degree 9."""
    times = torch.tensor([[0.0, 0.1, 0.25, 0.3, 0.45]], dtype=torch.float64)
    at = torch.tensor([[0.05, 0.2, 0.4]], dtype=torch.float64)
    coefficients = torch.randn(10, generator=generator(), dtype=torch.float64)
    powers = torch.arange(10)
    values, slopes = hermite(times, at)
    f = (times[..., None] ** powers) @ coefficients
    g = (powers * times[..., None] ** (powers - 1).clamp(min=0)) @ coefficients
    got = torch.einsum("bst,bt->bs", values, f) + torch.einsum("bst,bt->bs", slopes, g)
    torch.testing.assert_close(got, (at[..., None] ** powers) @ coefficients, rtol=1e-11, atol=1e-11)


def test_equations_hold_for_the_model_that_made_the_data():
    """Windows of a random model itself: its own weights solve the equations, others do not."""
    data = few(Springs(4, 2)).train
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    trainer = trainer_of(model, data, None, TrainConfig())
    with torch.no_grad():
        path = make_integrator("rkn4", substeps=16).integrate(model.field(data.bodies), data.state(0), data.times)
        own = type(data).of(data.times, path.q, path.p, data.bodies)
        kernel = model.potential.network.blocks[-1].conv.kernel
        theta = torch.cat([w.clone() for w in kernel.linear()], 1).mT
        for w in kernel.linear():
            w.zero_()
        dictionary = model.dictionary()
        every = Columns(torch.arange(len(theta)), distinguishable(dictionary, own))
        problem = assemble(model, dictionary, own, trainer.task.loss, (every, known(model, own)))
    z = (theta @ every.mixing).flatten() * problem.scale
    residual = (problem.A @ z - problem.y).square().mean()
    assert residual < 1e-16 * problem.y.square().mean()
    assert (problem.A @ (1.1 * z) - problem.y).square().mean() > 1e-3 * problem.y.square().mean()


def test_resolution_is_the_error_of_interpolating_two_points_of_five():
    """0 for a motion of degree 5, that of numpy's polynomial through values and slopes for one of degree 6."""
    times = torch.tensor([[0.0, 0.1, 0.25, 0.3, 0.45]], dtype=torch.float64)
    bodies = Bodies.of(torch.full((1, 1), 2.0, dtype=torch.float64))

    def windows(power, factor=1.0):
        q, v = factor * times**power, factor * power * times ** (power - 1)
        return Trajectory.from_velocities(times, q[..., None, None], v[..., None, None], bodies)

    def resolved(x):
        return resolution(x, Slopes(x.p / x.bodies.mass[:, None, :, None]))

    assert resolved(windows(5)).item() < 1e-15
    # What is left of t^6 is (t - t_0)² (t - t_2)² (t - t_4)², its leading coefficient being 1.
    known, left = times[0, [0, 2, 4]], times[0, [1, 3]]
    want = 3.0 * (left[:, None] - known).square().prod(1).max()
    assert resolved(windows(6, 3.0)).item() == pytest.approx(want.item(), rel=1e-6)
    assert resolved(windows(6).window(0, 4)).item() == 0, "too short to tell"


def test_windows_that_do_not_show_their_path_are_left_out():
    """Two of 20 windows are made to jump: without them the law is found as if they were not there."""
    data = few(Springs(4, 2), 20).train
    q = data.q.clone()
    q[:2, 1:4:2] += 10.0
    spoiled = Trajectory.of(data.times, q, data.p, data.bodies)
    trainer = trainer_of(HLieConv("SE(2)", 1), spoiled, None, TrainConfig())
    assert len(trainer.stages[0].windows) == 18
    assert torch.equal(trainer.stages[0].windows.q, spoiled.q[2:])
    trainer.stages[0].step(trainer._fixed_loss)
    test = few(Springs(4, 2), 20).test
    assert median_error(trainer.stages[0].model, test) < 1e-6 * window_mse(free_flight(test), test).median()
