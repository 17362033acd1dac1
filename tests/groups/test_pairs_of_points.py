"""What the lifts ask of a group: coordinates and lengths of pairs of points."""

from __future__ import annotations

import pytest
import torch

from lieham.groups import Translation, make_group
from tests.groups.helpers import close, draw, dtypes, groups, mirrored, points, shifts
from tests.helpers.cases import outside


@groups
@dtypes
@pytest.mark.parametrize("far", [1.0, 1e3], ids=["near", "far"])
def test_pair_coordinates_are_invariant(group, dtype, far):
    x, y = points(group, dtype)
    a = draw(200, group.lie_dim, dtype=dtype, seed=4)
    if isinstance(group, Translation) or group.rigid:
        a[:, shifts(group)] *= far
    g = mirrored(group, group.exp(a))
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
    if isinstance(group, Translation) or group.rigid:
        a[:, shifts(group)] *= far
    g = mirrored(group, group.exp(a))
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
        ("O(3)", [29.0, 25.0, 4.0]),
        ("E(3)", [29.0]),
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
    """Nor does a mirror image: each point lies on a mirror of O(d) or E(d)."""
    x = points(group, torch.float64)[0, 0]
    A, b = group.generators()
    velocity = torch.einsum("kij,j->ki", A, x) + b
    rank = int(torch.linalg.matrix_rank(velocity)) if group.lie_dim else 0
    assert group.acts_freely == (rank == group.lie_dim and not group.reflections)


@pytest.mark.parametrize("family", ["O", "E"])
def test_mirror_images_are_seen_without_them(family):
    """The negative control: x × y, which SO(2) sees, changes its sign."""
    x, y = points(make_group("T(2)"), torch.float64)
    mirror = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    seen = make_group("SO(2)").pair_coordinates(x, y), make_group("SO(2)").pair_coordinates(mirror * x, mirror * y)
    assert torch.equal(seen[0][:, [0, 2, 3]], seen[1][:, [0, 2, 3]]) and torch.equal(seen[0][:, 1], -seen[1][:, 1])
    group = make_group(f"{family}(2)")
    close(group.pair_coordinates(mirror * x, mirror * y), group.pair_coordinates(x, y), torch.float64)
