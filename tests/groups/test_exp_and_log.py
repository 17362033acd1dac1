"""exp and log of every group in `cases.GROUPS`, in float64 and float32."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lieham.groups import Group, make_group
from lieham.groups.euclidean import SpecialEuclidean
from lieham.groups.rotation import SpecialOrthogonal
from tests.groups.helpers import algebra, close, draw, dtypes, groups, shifts
from tests.helpers.cases import GROUPS


def with_angle(group: Group, angle: float, dtype=torch.float64) -> torch.Tensor:
    """Algebra vectors of that angle, with a translation part where there is one."""
    k = group.lie_dim - int(shifts(group).sum())
    axes = torch.cat([torch.eye(k, dtype=torch.float64), draw(5, k)])
    axes = angle * axes / axes.norm(dim=-1, keepdim=True)
    return torch.cat([draw(len(axes), group.lie_dim - k), axes], -1).to(dtype)


ROTATING = [group for group in GROUPS if group.name in ("SO(2)", "SO(3)", "SE(2)", "SE(3)")]
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
    assert (a[..., ~shifts(group)].norm(dim=-1) < 3.1416).all()


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
    most = 3.1 / max(3, group.lie_dim - int(shifts(group).sum())) ** 0.5  # so that the turn is below π
    entry = st.floats(-most, most)
    a = torch.tensor(data.draw(st.lists(entry, min_size=group.lie_dim, max_size=group.lie_dim)), dtype=torch.float64)
    g = group.exp(a)
    close(group.log(g), a, torch.float64)
    close(group.log(group.inverse(g)), -a, torch.float64)


@pytest.mark.parametrize("dim", [2, 3])
def test_turns_of_any_dimension_are_those_of_two_and_three(dim):
    """The general exp, log, generators and their order, where closed forms are known."""
    for name, general in (("SO", SpecialOrthogonal(dim)), ("SE", SpecialEuclidean(dim))):
        shipped = make_group(f"{name}({dim})")
        assert all(torch.equal(a, b) for a, b in zip(general.generators(), shipped.generators(), strict=True))
        a = algebra(shipped)
        close(general.exp(a), shipped.exp(a), torch.float64)
        close(general.log(shipped.exp(a)), a, torch.float64)


@pytest.mark.parametrize("angles", [(0.0, 0.0), (1.0, 1.0), (1.0, -1.0), (3.0, 0.0), (math.pi, 0.4), (math.pi, 1e-9)])
def test_the_log_in_four_dimensions_is_smooth_where_angles_meet(angles):
    """Where angles are 0 or equal an eigenbasis is not unique, and its derivatives are infinite."""
    group, (s, t) = make_group("SO(4)"), angles
    turn = group.turns(generator=torch.Generator().manual_seed(0))
    W = torch.zeros(4, 4, dtype=torch.float64)
    W[1, 0], W[0, 1], W[3, 2], W[2, 3] = s, -s, t, -t
    R = torch.linalg.matrix_exp(turn @ W @ turn.mT)
    g = torch.nn.functional.pad(R, (0, 1, 0, 1)) + torch.diag(torch.tensor([0.0, 0, 0, 0, 1], dtype=torch.float64))
    a = group.log(g)
    close(group.exp(a), g, torch.float64)
    assert a.norm() <= math.hypot(s, t) + 1e-12
    if math.pi not in angles:
        around = lambda x: group.log(g @ group.exp(x))  # noqa: E731
        zero = torch.zeros(6, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(around, zero) and torch.autograd.gradgradcheck(around, zero)


def test_half_turns_in_two_planes_have_a_log():
    """−1 in four dimensions: which planes turn is a choice, and derivatives stay finite."""
    group = make_group("SO(4)")
    g = torch.diag(torch.tensor([-1.0, -1, -1, -1, 1], dtype=torch.float64)).requires_grad_()
    a = group.log(g)
    close(group.exp(a), g, torch.float64)
    assert bool(torch.autograd.grad(a.square().sum(), g)[0].isfinite().all())
