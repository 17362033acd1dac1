"""Laws of a Lie group of motions, for every group in `cases.GROUPS`, in float64 and float32."""

from __future__ import annotations

import math

import pytest
import torch
from cases import DTYPES, GROUPS, TOLERANCE, outside
from hypothesis import given, settings
from hypothesis import strategies as st

from lieham.errors import InputError
from lieham.groups import SE2, SE3, SO2, SO3, CustomGroup, Group, Translation, Trivial, make_group

groups = pytest.mark.parametrize("group", GROUPS, ids=str)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda x: str(x).removeprefix("torch."))
SIZES = [1e-300, 1e-9, 1e-4, 0.1, 0.999, 1.001, 2.0, 3.0]
"""Lengths of algebra vectors: both sides of every Taylor switch, and angles below π."""


def draw(*shape: int, dtype=torch.float64, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def algebra(group: Group, dtype=torch.float64) -> torch.Tensor:
    """0, and random directions at every length of SIZES."""
    directions = draw(20, group.lie_dim)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    sizes = torch.tensor(SIZES, dtype=torch.float64)[:, None, None]
    a = torch.cat([torch.zeros(1, group.lie_dim, dtype=torch.float64), (sizes * directions).flatten(0, 1)])
    return a.to(dtype)


def with_angle(group: Group, angle: float, dtype=torch.float64) -> torch.Tensor:
    """Algebra vectors of that angle, with a translation part where there is one."""
    k = group.rotations.lie_dim if hasattr(group, "rotations") else group.lie_dim
    axes = torch.cat([torch.eye(k, dtype=torch.float64), draw(5, k)])
    axes = angle * axes / axes.norm(dim=-1, keepdim=True)
    return torch.cat([draw(len(axes), group.lie_dim - k), axes], -1).to(dtype)


ROTATING = [group for group in GROUPS if isinstance(group, (SO2, SO3, SE2, SE3))]
rotating = pytest.mark.parametrize("group", ROTATING, ids=str)


def close(got, want, dtype, scale=1.0):
    torch.testing.assert_close(got, want, rtol=0, atol=TOLERANCE[dtype] * scale)


# exp and log


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


# A group that moves points


@groups
@dtypes
def test_axioms(group, dtype):
    g, h, k = group.exp(draw(3, 8, group.lie_dim, dtype=dtype))
    one = group.identity(8, dtype=dtype)
    close(g @ (h @ k), (g @ h) @ k, dtype, scale=10)
    close(g @ group.inverse(g), one, dtype)
    close(group.inverse(g) @ g, one, dtype)
    assert torch.equal(g @ one, g)
    close(group.exp(torch.zeros(8, group.lie_dim, dtype=dtype)), one, dtype)
    close(group.exp(group.log(g @ h)), g @ h, dtype, scale=10)  # the product is in the group


@groups
@dtypes
def test_it_acts_on_points(group, dtype):
    g, h = group.exp(draw(2, 8, group.lie_dim, dtype=dtype))
    x = draw(8, group.space_dim, dtype=dtype, seed=1)
    close(group.act(g @ h, x), group.act(g, group.act(h, x)), dtype, scale=10)
    close(group.act(group.identity(8, dtype=dtype), x), x, dtype)
    close(group.act(group.inverse(g), group.act(g, x)), x, dtype, scale=10)


@groups
def test_generators_are_the_derivative_of_the_action(group):
    x = draw(group.space_dim, seed=2)
    A, b = group.generators()
    zero = torch.zeros(group.lie_dim, dtype=torch.float64)
    moved = torch.func.jacrev(lambda a: group.act(group.exp(a), x))(zero)
    close(moved.mT, torch.einsum("kij,j->ki", A, x) + b, torch.float64)


@groups
def test_generators_close_under_the_bracket(group):
    """[X_i, X_j] is a combination of the generators: they span a Lie algebra."""
    X = group.hat(torch.eye(group.lie_dim, dtype=torch.float64))
    brackets = (X[:, None] @ X - X @ X[:, None]).flatten(2).flatten(0, 1)
    basis = X.flatten(1)
    if group.lie_dim:
        close(brackets @ torch.linalg.pinv(basis) @ basis, brackets, torch.float64)
        assert torch.linalg.matrix_rank(basis) == group.lie_dim


@groups
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 1, 3)], ids=str)
def test_leading_axes(group, shape):
    d, a = group.space_dim, draw(*shape, group.lie_dim)
    g = group.exp(a)
    assert g.shape == (*shape, d + 1, d + 1)
    assert group.inverse(g).shape == g.shape == group.identity(*shape).shape
    assert group.log(g).shape == a.shape
    assert group.act(g, draw(*shape, d)).shape == (*shape, d)
    if shape == (2, 3):
        # A batched matrix product may sum in another order.
        torch.testing.assert_close(g[1, 2], group.exp(a[1, 2]), rtol=1e-14, atol=1e-15)


@groups
@dtypes
def test_samples_are_elements_and_the_generator_s_own(group, dtype):
    drawn = [group.sample(4, 5, generator=torch.Generator().manual_seed(s), dtype=dtype) for s in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and drawn[0].dtype == dtype and drawn[0].shape[:2] == (4, 5)
    assert group.lie_dim == 0 or not torch.equal(drawn[0], drawn[2])
    close(group.exp(group.log(drawn[0])), drawn[0], dtype, scale=10)


# What the lifts ask of it


def points(group: Group, dtype, n=200) -> torch.Tensor:
    return draw(2, n, group.space_dim, dtype=dtype, seed=3)


@groups
@dtypes
@pytest.mark.parametrize("far", [1.0, 1e3], ids=["near", "far"])
def test_pair_coordinates_are_invariant(group, dtype, far):
    x, y = points(group, dtype)
    a = draw(200, group.lie_dim, dtype=dtype, seed=4)
    if hasattr(group, "translations"):
        a[:, : group.space_dim] *= far
    elif isinstance(group, Translation):
        a *= far
    g = group.exp(a)
    before, after = (group.pair_coordinates(u, v) for u, v in ((x, y), (group.act(g, x), group.act(g, y))))
    # Squares of differences of positions of size `far` carry its round-off, not theirs.
    close(after, before, dtype, scale=20 * far)


@groups
def test_pair_coordinates_see_every_other_motion(group):
    x, y = points(group, torch.float64)
    before = group.pair_coordinates(x, y)
    for motion in outside(group):
        after = group.pair_coordinates(group.act(motion, x), group.act(motion, y))
        assert ((after - before).abs().amax(-1) > 1e-3).float().mean() > 0.9


@groups
def test_pair_coordinates_tell_all_orbits_of_pairs_apart(group):
    """As many independent ones as a pair has degrees of freedom beyond the group's: rank = 2d − dim of an orbit."""
    d = group.space_dim
    x, y = points(group, torch.float64)[:, 0]
    A, b = group.generators()
    orbit = torch.cat([torch.einsum("kij,j->ki", A, z) + b for z in (x, y)], -1)
    jacobian = torch.func.jacfwd(lambda z: group.pair_coordinates(z[:d], z[d:]))(torch.cat([x, y]))
    assert torch.linalg.matrix_rank(jacobian) == 2 * d - (torch.linalg.matrix_rank(orbit) if group.lie_dim else 0)


@groups
@pytest.mark.parametrize("far", [1.0, 1e3], ids=["near", "far"])
def test_pair_lengths_are_invariant_and_not_negative(group, far):
    x, y = points(group, torch.float64)
    a = draw(200, group.lie_dim, seed=4)
    if hasattr(group, "translations") or isinstance(group, Translation):
        a[:, : group.space_dim] *= far
    g = group.exp(a)
    before, after = (group.pair_lengths(u, v) for u, v in ((x, y), (group.act(g, x), group.act(g, y))))
    close(after, before, torch.float64, scale=20 * far)
    assert (before >= 0).all()


@groups
def test_lengths_tell_the_pair_coordinates_that_are_left_out(group):
    """At a generic pair, the gradients of the coordinates left out lie in the span of those kept and of the lengths."""
    d = group.space_dim
    x, y = points(group, torch.float64)[:, 0]
    z, kept = torch.cat([x, y]), list(group.beside_lengths)

    def rank(*functions) -> int:
        rows = torch.cat([torch.func.jacfwd(lambda z, f=f: f(z[:d], z[d:]))(z) for f in functions])
        return int(torch.linalg.matrix_rank(rows))

    assert rank(lambda u, v: group.pair_coordinates(u, v)[kept], group.pair_lengths) == rank(group.pair_coordinates)


def test_lengths_are_those_that_the_symmetry_leaves():
    x, y = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])
    for name, want in (
        ("SE(3)", [29.0]),
        ("T(3)", [29.0]),
        ("SO(3)", [29.0, 25.0, 4.0]),
        ("SE(2)xTrivial(1)", [25.0, 4.0, 0.0, 4.0, 29.0]),
        ("SO(2)xT(1)", [25.0, 25.0, 0.0, 4.0, 29.0]),
        ("R*(3)", []),
    ):
        assert make_group(name).pair_lengths(x, y).tolist() == want, name


@groups
def test_pair_coordinates_are_smooth_where_points_meet(group):
    x = points(group, torch.float64)[0, :3].requires_grad_()
    other = x.detach().clone()
    assert torch.autograd.gradcheck(lambda z: group.pair_coordinates(z, other), x)
    assert torch.autograd.gradgradcheck(lambda z: group.pair_coordinates(z, other), x)
    if group.singular_at_origin:
        return
    at_origin = torch.zeros(1, group.space_dim, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda z: group.pair_coordinates(z, 2 * z), at_origin)


@groups
def test_symmetric_pairs_are_those_whose_order_does_not_matter(group):
    x, y = points(group, torch.float64)
    same = torch.equal(group.pair_coordinates(x, y), group.pair_coordinates(y, x))
    assert same == group.symmetric_pairs


@groups
def test_acting_freely_means_that_no_generator_fixes_a_generic_point(group):
    x = points(group, torch.float64)[0, 0]
    A, b = group.generators()
    velocity = torch.einsum("kij,j->ki", A, x) + b
    rank = int(torch.linalg.matrix_rank(velocity)) if group.lie_dim else 0
    assert group.acts_freely == (rank == group.lie_dim)


@groups
def test_charges_are_named_once_a_generator(group):
    assert len(set(group.charges)) == len(group.charges) == group.lie_dim


# Groups of one's own and products


def custom(name: str) -> CustomGroup:
    return CustomGroup(f"own {name}", *make_group(name).generators())


@pytest.mark.parametrize("name", ["T(1)", "T(2)", "T(3)", "SO(2)", "SO(3)", "SE(2)", "SE(3)", "SO(2)xT(1)", "Sq(2)"])
def test_invariants_found_from_the_generators_are_those_of_the_group_shipped(name):
    """Unchanged by its motions, smooth, and as many: the same function space as the hand-written ones."""
    shipped, own = make_group(name), custom(name)
    x, y = points(shipped, torch.float64)
    g = shipped.sample(200, generator=torch.Generator().manual_seed(5))
    before = own.pair_coordinates(x, y)
    after = own.pair_coordinates(shipped.act(g, x), shipped.act(g, y))
    # Squares of positions of size 20 or so carry their round-off.
    close(after, before, torch.float64, scale=100)
    written = shipped.pair_coordinates(x, y)
    basis = torch.cat([before, torch.ones(200, 1, dtype=torch.float64)], 1)
    fit = basis @ torch.linalg.lstsq(basis, written).solution
    close(fit, written, torch.float64, scale=100)


def test_a_group_of_one_s_own_can_be_given_its_exp_and_log():
    shipped = make_group("SE(2)")
    own = CustomGroup("own", *shipped.generators(), maps=(shipped.exp, shipped.log), charges=("a", "b", "c"))
    a = algebra(shipped)
    assert torch.equal(own.exp(a), shipped.exp(a)) and torch.equal(own.log(own.exp(a)), shipped.log(shipped.exp(a)))
    close(custom("SE(2)").exp(a), shipped.exp(a), torch.float64)
    assert own.charges == ("a", "b", "c") and custom("SE(2)").charges == ("J_0", "J_1", "J_2")


def test_what_a_group_of_one_s_own_lacks_is_named():
    A, b = make_group("SE(2)").generators()
    with pytest.raises(InputError, match="log of own must be given"):
        CustomGroup("own", A, b).log(torch.eye(3))
    with pytest.raises(InputError, match=r"A must be of shape \(lie_dim, d, d\), got \(3, 2\)"):
        CustomGroup("own", b, b)
    with pytest.raises(InputError, match=r"b must be of shape \(3, 2\) like A, got \(2, 2\)"):
        CustomGroup("own", A, b[:2])
    with pytest.raises(InputError, match="charges must be 3 names, one a generator, got 1"):
        CustomGroup("own", A, b, charges=("L",))
    for name in ("R*(2)", "Helical(1)"):
        with pytest.raises(InputError, match=r"pair_coordinates of own .* must be given: its quadratic"):
            custom(name)


def test_charges_of_a_product_are_named_in_the_whole_space():
    names = {name: make_group(name).charges for name in ("SO(2)xT(1)", "SE(2)xTrivial(1)", "T(1)xSO(2)", "T(1)xT(2)")}
    assert names == {
        "SO(2)xT(1)": ("L_z", "P_z"),
        "SE(2)xTrivial(1)": ("P_x", "P_y", "L_z"),
        "T(1)xSO(2)": ("P_x", "L_x"),
        "T(1)xT(2)": ("P_x", "P_y", "P_z"),
    }


# Names


@groups
def test_a_group_is_found_by_its_name(group):
    found = make_group(str(group))
    assert type(found) is type(group) and found.name == group.name and found.space_dim == group.space_dim
    assert make_group(group) is group
    assert make_group(group.name.replace("(", " ( ")).name == group.name


@pytest.mark.parametrize("name", ["", "SE", "SE(2", "se(2)", "SE(-1)", "SU(2)", "SE(2)x", "T(2)T(2)"])
def test_an_unknown_name_is_told_the_known_ones(name):
    with pytest.raises(InputError, match=r"group must be one of Trivial\(d\), T\(d\), .*got"):
        make_group(name)


@pytest.mark.parametrize("name", ["SE(1)", "SE(4)", "SO(0)", "SO(1)", "SO(4)", "T(0)", "Trivial(0)"])
def test_a_dimension_without_the_group_is_named(name):
    with pytest.raises(InputError, match=r"dimension of \w+ must be"):
        make_group(name)
