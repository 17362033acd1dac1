"""Derivatives of HLieConv are finite, right, and the same bits each time."""

from __future__ import annotations

import pytest
import torch

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.models import HLieConv
from lieham.state import PhaseState
from tests.helpers.models import ZERO, close, dtypes, every_model, models, setting

# Bodies


COLLISIONS = {
    "two at one point": lambda q: torch.cat([q[:, :1], q[:, :1], q[:, 2:]], 1),
    "all at one point": lambda q: q[:, :1].expand_as(q).clone(),
    "all at the origin": torch.zeros_like,
    "one at the origin": lambda q: torch.cat([0 * q[:, :1], q[:, 1:]], 1),
    "on a line": lambda q: torch.cat([q[..., :1], 0 * q[..., 1:]], -1),
    "opposite": lambda q: torch.cat([q[:, :1], -q[:, :1], q[:, 2:]], 1),
    "almost": lambda q: torch.cat([q[:, :1], q[:, :1] + 1e-160, q[:, 2:]], 1),
}


@every_model
@dtypes
@pytest.mark.parametrize("where", COLLISIONS)
def test_derivatives_are_finite_where_bodies_meet(name, dtype, where):
    model, q, _, bodies = setting(name, dtype)
    one = bodies.map(lambda x: x[0])
    x = COLLISIONS[where](q)[0]
    energy = lambda z: model.potential(z, one)  # noqa: E731
    assert torch.isfinite(energy(x))
    assert torch.isfinite(torch.func.grad(energy)(x)).all()
    assert torch.isfinite(torch.func.hessian(energy)(x)).all()


@every_model
def test_first_and_second_derivatives_are_those_of_finite_differences(name):
    model, q, _, bodies = setting(name, n=3, batch=1)
    x = q.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: model.potential(z, bodies), x)
    assert torch.autograd.gradgradcheck(lambda z: model.potential(z, bodies), x)


@every_model
def test_the_weights_get_gradients_through_the_field(name):
    model, q, _, bodies = setting(name)
    model.field(bodies).force(ZERO, q).square().sum().backward()
    for path, weight in model.named_parameters():
        constant = path.endswith(("blocks.0.outward.bias", "blocks.1.outward.bias")) or weight.grad is None
        assert constant or (torch.isfinite(weight.grad).all() and weight.grad.any()), path


# One function, the same each time


@every_model
def test_the_same_bits_each_time_in_train_and_eval(name):
    model, q, p, bodies = setting(name)
    before = [x.clone() for x in (q, p, *model.state_dict().values())]
    first = model.train().energy(PhaseState(q, p), bodies)
    assert torch.equal(first, model.energy(PhaseState(q, p), bodies))
    assert torch.equal(first, model.eval().energy(PhaseState(q, p), bodies))
    after = (q, p, *model.state_dict().values())
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True)), "forward writes to nothing"


@models
def test_the_fast_field_is_the_gradient_of_the_energy(name):
    model, q, p, bodies = setting(name)
    plain = GeneralHamiltonian(model.energy).field(bodies)(ZERO, PhaseState(q, p))
    fast = model.field(bodies)(ZERO, PhaseState(q, p))
    close(fast.q, plain.q, torch.float64)
    close(fast.p, plain.p, torch.float64)


def test_weights_follow_the_seed_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    a, b, c = (HLieConv("SE(2)", seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.potential.network.embed.weight, c.potential.network.embed.weight)
