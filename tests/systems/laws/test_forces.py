"""Laws of systems: force = −∇V, without harm where bodies meet or are padded."""

from __future__ import annotations

import pytest
import torch

from lieham.state import Bodies, PhaseState
from systems import Gravity, Springs, System
from tests.helpers.cases import SYSTEMS
from tests.systems.laws.helpers import gap, generator, over_systems

KINKED = ("rest length", "lennard-jones", "morse")
SMOOTH = {name: x for name, x in SYSTEMS.items() if not any(word in name for word in KINKED)}
INTERACTING = {name: x for name, x in SYSTEMS.items() if x.n_bodies > 1}


def gradient(system: System, q: torch.Tensor, bodies: Bodies) -> torch.Tensor:
    return torch.func.grad(lambda x: system.potential(x, bodies).sum())(q)


@over_systems
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-14), (torch.float32, 1e-5)])
def test_the_force_is_minus_the_gradient(system, dtype, tolerance):
    """Two ways to sum 5 pair forces, each rounded ~10 times: a few units in the last place of the largest."""
    state, bodies = system.sample(7, generator())
    q, bodies = state.q.to(dtype), bodies.to(dtype=dtype)
    force = system.force(bodies)(q)
    assert force.dtype == dtype
    scale = force.abs().max().clamp(min=1)
    assert ((force + gradient(system, q, bodies)).abs().max() / scale) <= tolerance
    for kind in (system.field(bodies), system.hamiltonian().field(bodies)):
        rate = kind(torch.zeros((), dtype=dtype), PhaseState(q, state.p.to(dtype)))
        assert ((rate.p - force).abs().max() / scale) <= tolerance
        torch.testing.assert_close(rate.q, state.p.to(dtype) / bodies.mass[..., None])


@pytest.mark.parametrize("system", INTERACTING.values(), ids=INTERACTING)
def test_the_force_is_minus_the_slope_of_the_potential(system):
    """By central differences, which know nothing of autograd: error h²V‴ ~ 1e-10 and round-off 1e-16 V/h ~ 1e-9."""
    state, bodies = system.sample(7, generator())
    way, h = torch.randn(state.q.shape, generator=generator(5), dtype=torch.float64), 1e-5
    slope = (system.potential(state.q + h * way, bodies) - system.potential(state.q - h * way, bodies)) / (2 * h)
    work = (system.force(bodies)(state.q) * way).sum((-1, -2))
    assert work.abs().max() > 0.1
    torch.testing.assert_close(work, -slope, rtol=1e-6, atol=1e-6)


def test_the_springs_are_those_of_the_paper():
    """V = ½ Σ_{i,j} k_i k_j |q_i − q_j|² over ordered pairs, written as the double sum it is."""
    state, bodies = Springs().sample(3, generator())
    k = bodies.features[..., 0]
    for r in (0.0, 1.3):
        v = sum(
            0.5 * k[:, i] * k[:, j] * ((state.q[:, i] - state.q[:, j]).norm(dim=-1) - r).square()
            for i in range(6)
            for j in range(6)
            if i != j
        )
        # 30 terms of one sign, summed in another order.
        torch.testing.assert_close(Springs(rest_length=r).potential(state.q, bodies), v, rtol=1e-14, atol=0)


def test_the_gravity_is_plummer_s():
    law = Gravity(4, 3, softening=0.2, G=2.0)
    state, bodies = law.sample(3, generator())
    m = bodies.mass
    v = -sum(
        2.0 * m[:, i] * m[:, j] / ((state.q[:, i] - state.q[:, j]).square().sum(-1) + 0.2**2).sqrt()
        for i in range(4)
        for j in range(i)
    )
    # 6 terms of one sign, summed in another order.
    torch.testing.assert_close(law.potential(state.q, bodies), v, rtol=1e-14, atol=0)


@over_systems
def test_bodies_at_one_point_have_finite_forces(system):
    state, bodies = system.sample(5, generator())
    for q in (torch.zeros_like(state.q), state.q[:, :1].expand_as(state.q), one_pair_together(state.q)):
        force = system.force(bodies)(q)
        assert torch.isfinite(force).all() and torch.isfinite(gradient(system, q, bodies)).all()
        # At one point the gradient of the potential, with derivative 0 of √ at 0, and the force agree as elsewhere.
        assert (force + gradient(system, q, bodies)).abs().max() <= 1e-13 * force.abs().max().clamp(min=1)


def one_pair_together(q: torch.Tensor) -> torch.Tensor:
    q = q.clone()
    q[:, -1] = q[:, 0]
    return q


@pytest.mark.parametrize("system", SMOOTH.values(), ids=SMOOTH)
def test_bodies_at_one_point_have_finite_second_derivatives(system):
    state, bodies = system.sample(2, generator())
    for q in (torch.zeros_like(state.q), one_pair_together(state.q)):
        hessian = torch.func.hessian(lambda x: system.potential(x, bodies).sum())(q)
        assert torch.isfinite(hessian).all()
        assert system.n_bodies == 1 or hessian.abs().max() > 0.1
        pushed = torch.func.jacrev(system.force(bodies))(q)
        assert (hessian + pushed).abs().max() <= 1e-13 * hessian.abs().max().clamp(min=1)


@over_systems
def test_padding_feels_nothing_and_is_not_felt(system):
    state, bodies = system.sample(5, generator())

    def pad(x: torch.Tensor, value: float) -> torch.Tensor:
        return torch.cat([x, torch.full_like(x[:, :1], value)], 1)

    mask = pad(bodies.mask, False)
    padded = Bodies.of(pad(bodies.mass, 7.0), pad(bodies.features, 3.0), mask)
    raw = Bodies(pad(bodies.mass, 7.0), pad(bodies.features, 3.0), mask)
    for held in (padded, raw):
        q = pad(state.q, 0.3)
        force = system.force(held)(q)
        assert (force[:, -1] == 0).all()
        # One more term, 0, may change the order of a sum of six.
        torch.testing.assert_close(force[:, :-1], system.force(bodies)(state.q), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(system.potential(q, held), system.potential(state.q, bodies), rtol=1e-13, atol=0)
        torch.testing.assert_close(gradient(system, q, held), -force, rtol=1e-13, atol=1e-12)
        assert (system.field(held)(torch.zeros(()), PhaseState(q, pad(state.p, 9.0))).q[:, -1] == 0).all()
    felt = Bodies.of(pad(bodies.mass, 7.0), pad(bodies.features, 3.0))
    assert (system.force(felt)(pad(state.q, 0.3))[:, :-1] - system.force(bodies)(state.q)).abs().max() > 0.1


@over_systems
def test_padding_leaves_the_solution_alone(system):
    state, bodies = system.sample(3, generator())
    times = system.times(6)
    padded = PhaseState(*(torch.nn.functional.pad(x, (0, 0, 0, 2)) for x in state))
    mass, features = bodies.mass, bodies.features
    held = Bodies.of(
        torch.nn.functional.pad(mass, (0, 2)),
        torch.nn.functional.pad(features, (0, 0, 0, 2)),
        torch.nn.functional.pad(bodies.mask, (0, 2)),
    )
    path = system.solve(padded, held, times)
    assert (path.q[:, :, -2:] == 0).all() and (path.p[:, :, -2:] == 0).all()
    n = system.n_bodies
    # Eigenvectors of a larger matrix, or sums with more zeros: round-off of numbers of size 1 to 50.
    assert gap(PhaseState(path.q[:, :, :n], path.p[:, :, :n]), system.solve(state, bodies, times)) <= 1e-12
