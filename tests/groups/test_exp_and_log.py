"""exp and log of every group in `cases.GROUPS`, in float64 and float32."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lieham.groups import SE2, SE3, SO2, SO3, Group, Trivial
from tests.groups.helpers import algebra, close, draw, dtypes, groups
from tests.helpers.cases import GROUPS


def with_angle(group: Group, angle: float, dtype=torch.float64) -> torch.Tensor:
    """Algebra vectors of that angle, with a translation part where there is one."""
    k = group.rotations.lie_dim if hasattr(group, "rotations") else group.lie_dim
    axes = torch.cat([torch.eye(k, dtype=torch.float64), draw(5, k)])
    axes = angle * axes / axes.norm(dim=-1, keepdim=True)
    return torch.cat([draw(len(axes), group.lie_dim - k), axes], -1).to(dtype)


ROTATING = [group for group in GROUPS if isinstance(group, (SO2, SO3, SE2, SE3))]
rotating = pytest.mark.parametrize("group", ROTATING, ids=str)


@groups
@dtypes
def test_exp_is_the_matrix_exponential_of_the_generators(group, dtype):
    a = algebra(group, dtype)
    assert group.exp(a).dtype == dtype
    close(group.exp(a), torch.linalg.matrix_exp(group.hat(a)), dtype)


@groups
@dtypes
def test_log_undoes_exp(group, dtype):
    a = algebra(group, dtype)
    close(group.log(group.exp(a)), a, dtype)


@rotating
@dtypes
@pytest.mark.parametrize("below", [1e-1, 1e-3, 1e-6, 1e-9, 0.0])
def test_exp_undoes_log_up_to_half_a_turn(group, dtype, below):
    g = group.exp(with_angle(group, math.pi - below, dtype))
    a = group.log(g)
    assert torch.isfinite(a).all()
    close(group.exp(a), g, dtype, scale=10)  # the translation part is stretched by V⁻¹, π/2 long at most
    assert (a[..., -(group.lie_dim - getattr(group, "translations", Trivial(1)).lie_dim) :].norm(dim=-1) < 3.1416).all()


@rotating
@pytest.mark.parametrize("angle", [0.0, 1e-200, 1e-7, 0.9999999, 1.0000001, math.pi - 1e-4], ids=str)
def test_exp_and_log_are_twice_differentiable(group, angle):
    a = with_angle(group, angle)[-2:].requires_grad_()
    assert torch.autograd.gradcheck(group.exp, a)
    assert torch.autograd.gradgradcheck(group.exp, a)
    # gradcheck moves every entry of its input, and log is a function of group elements: of exp, then.
    round_trip = lambda x: group.log(group.exp(x))  # noqa: E731
    assert torch.autograd.gradcheck(round_trip, a)
    assert torch.autograd.gradgradcheck(round_trip, a)


@groups
@pytest.mark.parametrize("size", [0.0, 1e-7, 1.0])
def test_every_exp_and_log_is_twice_differentiable(group, size):
    if group.lie_dim:
        a = (size * draw(2, group.lie_dim)).requires_grad_()
        round_trip = lambda x: group.log(group.exp(x))  # noqa: E731
        assert torch.autograd.gradgradcheck(group.exp, a) and torch.autograd.gradcheck(round_trip, a)
        assert torch.autograd.gradgradcheck(round_trip, a)


@rotating
def test_derivatives_stay_finite_at_half_a_turn(group):
    """log jumps there, from π to −π; the derivatives along either branch are finite all the same."""
    g = group.exp(with_angle(group, math.pi)).requires_grad_()
    first = torch.autograd.grad(group.log(g).square().sum(), g, create_graph=True)[0]
    second = torch.autograd.grad(first.square().sum(), g)[0]
    assert torch.isfinite(first).all() and torch.isfinite(second).all()


@groups
@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.data())
def test_any_algebra_vector_of_less_than_half_a_turn_comes_back(group, data):
    entry = st.floats(-1.8, 1.8)  # √3 · 1.8 < π
    a = torch.tensor(data.draw(st.lists(entry, min_size=group.lie_dim, max_size=group.lie_dim)), dtype=torch.float64)
    g = group.exp(a)
    close(group.log(g), a, torch.float64)
    close(group.log(group.inverse(g)), -a, torch.float64)
