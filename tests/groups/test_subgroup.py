"""Subgroups that leave the height along a direction unchanged."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from lieham.groups.algebra import contains
from lieham.groups.subgroup import leaves_height, subgroup_keeping_height
from lieham.models import HLieConv
from tests.helpers.refusals import says

TILTED = (0.3, -1.2, 0.5)
CASES = [
    ("SE(3)", (0.0, 0.0, 2.0), 3),
    ("SE(3)", TILTED, 3),
    ("SE(2)", (1e-8, 2e-8), 1),
    ("T(3)", TILTED, 2),
    ("T(1)", (3.0,), 0),
    ("SO(3)", TILTED, 1),
    ("SO(2)", (1.0, 0.0), 0),
    ("Trivial(2)", (1.0, 0.0), 0),
    ("SE(2)xTrivial(1)", (0.0, 0.0, 1.0), 3),
    ("Helical(0.7)", (1.0, 0.0, 0.0), 0),
    ("E(3)", TILTED, 3),
    ("T(2)xO(1)", (0.0, 0.0, 1.0), 2),
    ("O(1)", (1.0,), 0),
]
cases = pytest.mark.parametrize(("name", "g", "dim"), CASES)


@cases
def test_the_subgroup_leaves_the_height_unchanged_and_has_the_right_dimension(name, g, dim):
    group, g = make_group(name), torch.tensor(g, dtype=torch.float64)
    own = subgroup_keeping_height(group, g)
    assert own.lie_dim == dim and own.space_dim == group.space_dim
    assert contains(group, own).all(), "it is a part of the group"
    if not dim:
        return
    a = torch.randn(20, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.randn(20, group.space_dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = own.act(own.exp(a), x)
    torch.testing.assert_close(moved @ g, x @ g, rtol=0, atol=1e-13 * float(g.norm()))
    assert (moved - x).norm(dim=1).min() > 1e-3, "it does move the points"
    assert leaves_height(own, g).all()


@cases
def test_other_motions_change_the_height(name, g, dim):
    """Each generator that is not said to leave the height unchanged changes it at a generic point."""
    group, g = make_group(name), torch.tensor(g, dtype=torch.float64)
    A, b = group.generators()
    x = torch.randn(group.space_dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rate = (A @ x + b) @ g / g.norm()
    assert ((rate.abs() < 1e-12) == leaves_height(group, g)).all()


def test_names_stay_where_generators_stay():
    upright = subgroup_keeping_height(make_group("SE(3)"), torch.tensor([0.0, 0.0, 1.0]))
    tilted = subgroup_keeping_height(make_group("SE(3)"), torch.tensor([1.0, 1.0, 0.0]))
    assert upright.charges == ("P_x", "P_y", "L_z")
    assert len(tilted.charges) == 3 and [x for x in tilted.charges if x[0] != "J"] == ["P_z"]


def test_round_off_of_a_direction_is_no_component():
    """In either precision, and in any unit; a component of a millionth is one."""
    group = make_group("T(2)")
    for dtype in (torch.float32, torch.float64):
        eps = torch.finfo(dtype).eps
        assert leaves_height(group, torch.tensor([eps, 1.0], dtype=dtype) * 1e-8).tolist() == [True, False]
        assert leaves_height(group, torch.tensor([1e3 * eps, 1.0], dtype=dtype) * 1e-8).tolist() == [False, False]


def test_a_height_that_only_a_mirror_image_changes():
    """The subgroup is without it, and along another direction it stays."""
    group = make_group("T(1)xTrivial(1)xO(1)")
    up, across = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])
    assert not subgroup_keeping_height(group, up).reflections
    assert subgroup_keeping_height(group, across) is group
    says(
        InputError,
        lambda: HLieConv("Trivial(1)", uniform_field=True),
        "must be learned along axes that the group moves",
    )
    assert HLieConv("O(1)", uniform_field=True).uniform_field is not None, "an even potential holds no field"


def test_no_direction_breaks_nothing():
    group = make_group("SE(3)")
    assert subgroup_keeping_height(group, torch.zeros(3)) is group
