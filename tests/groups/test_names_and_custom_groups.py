"""Names of groups and charges, groups of one's own, and products."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import CustomGroup, make_group
from tests.groups.helpers import algebra, close, groups, points

# What the lifts ask of it


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
