"""Names of groups and charges, groups of one's own, and products."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lieham.errors import InputError
from lieham.groups import CustomGroup, make_group
from tests.groups.helpers import algebra, close, groups, points
from tests.helpers.refusals import says

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


TURN = [[0.0, -1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "A, b",
    [
        ([TURN], [[0.0, 0.0]]),
        ([[[0, -1], [1, 0]]], ((0, 0),)),
        (np.array([TURN]), np.zeros((1, 2))),
        (np.array([TURN], dtype=np.float32), [[0, 0]]),
        ([np.array(TURN)], [np.zeros(2)]),
        ([torch.tensor(TURN)], [torch.zeros(2, dtype=torch.long)]),
        (torch.tensor([TURN]), [[0, 0]]),
    ],
)
def test_generators_may_be_lists_arrays_or_tensors(A, b):
    own, shipped = CustomGroup("own", A, b), make_group("SO(2)")
    assert all(torch.equal(x, y) for x, y in zip(own.generators(), shipped.generators(), strict=True))
    x, y = points(shipped, torch.float64)
    written = custom("SO(2)").pair_coordinates(x, y)
    assert torch.equal(own.pair_coordinates(x, y), written)


@pytest.mark.parametrize(
    "A, b, parts",
    [
        ([[[0, -1], [1]]], [[0, 0]], ("A must be numbers of shape (lie_dim, d, d)", "got [[[0, -1], [1]]]")),
        ("J", [[0, 0]], ("A must be numbers of shape", "got J")),
        (None, [[0, 0]], ("A must be numbers of shape", "got None")),
        ([], [], ("A must be numbers of shape", "got []")),
        ([TURN], None, ("b must be numbers of shape (lie_dim, d)", "got None")),
        ([TURN], [["a", 0]], ("b must be numbers of shape", "got [['a', 0]]")),
        (TURN, [0, 0], ("A must be of shape (lie_dim, d, d), got (2, 2)",)),
        ([TURN], [0, 0], ("b must be of shape (1, 2) like A, got (2,)",)),
        ([[[0, float("nan")], [1, 0]]], [[0, 0]], ("A must be finite, got nan",)),
        ([TURN], [[0, float("inf")]], ("b must be finite, got inf",)),
        ([[[0, 1j], [1j, 0]]], [[0, 0]], ("A must be real, got complex numbers",)),
        ([TURN, TURN], [[0, 0], [0, 0]], ("must be independent generators, got 2",)),
        ([[[0, 0], [0, 0]]], [[0, 0]], ("must be independent generators, got 1",)),
    ],
)
def test_generators_that_are_none_are_named(A, b, parts):
    says(InputError, lambda: CustomGroup("own", A, b), *parts)


def some(name: str, keep: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    A, b = make_group(name).generators()
    return A[keep], b[keep]


@pytest.mark.parametrize(
    "generators, charges, missing",
    [
        (some("SO(3)", [0, 1]), ("L_x", "L_y"), "[L_x, L_y] = L_z"),
        (some("SO(3)", [0, 2]), ("L_x", "L_z"), "[L_x, L_z] = −L_y"),
        (some("SO(3)", [1, 2]), None, "[J_0, J_1] = L_x"),
        (some("SE(2)", [0, 2]), ("P_x", "L"), "[P_x, L] = −P_y"),
        (some("SE(3)", [0, 1, 5]), None, ""),
        (some("SE(3)", [0, 5]), ("P_x", "L_z"), "[P_x, L_z] = −P_y"),
        (some("R*SO(2)", [0, 1]), None, ""),
        (([[[0, 1], [0, 0]], [[0, 0], [1, 0]]], [[0, 0]] * 2), ("a", "c"), "[a, c] = (A = [[1.0, 0.0], [0.0, -1.0]]"),
    ],
)
def test_the_bracket_that_is_missing_is_named(generators, charges, missing):
    """Also without charges of one's own, with its sign, and as numbers where it has no name; closed sets pass."""

    def make() -> CustomGroup:
        return CustomGroup("own", *generators, charges=charges, pair_coordinates=lambda x, y: x)

    if missing:
        says(InputError, make, "A and b must be closed under brackets, got", f"without {missing}", "add it")
    else:
        assert make().lie_dim == len(generators[0])


def doubled(a: torch.Tensor) -> torch.Tensor:
    return make_group("SE(2)").exp(2 * a)


def to_first_order(a: torch.Tensor) -> torch.Tensor:
    """1 + Σ a_k A_k, which no product of its kind is."""
    A, b = make_group("SE(2)").generators()
    return torch.eye(3, dtype=a.dtype) + torch.nn.functional.pad(
        torch.cat([torch.einsum("nk,kij->nij", a, A), (a @ b)[..., None]], -1), (0, 0, 0, 1)
    )


@pytest.mark.parametrize(
    "exp, log, parts",
    [
        (doubled, make_group("SE(2)").log, ("exp of own(ε a) must be 1 + ε Σ a_k A_k",)),
        (lambda a: make_group("SE(2)").exp(-a), lambda g: g, ("exp of own(ε a) must be",)),
        (lambda a: make_group("SE(2)").exp(a.flip(-1)), lambda g: g, ("exp of own(ε a) must be",)),
        (to_first_order, make_group("SE(2)").log, ("exp of own(a) must be the matrix exponential", "got an error of")),
        (lambda a: a, make_group("SE(2)").log, ("exp of own must be a function to a tensor of shape (5, 3, 3)",)),
        (lambda a: None, lambda g: g, ("exp of own must be a function to a tensor", "got a NoneType")),
        (make_group("SE(2)").exp, lambda g: 2 * make_group("SE(2)").log(g), ("log of own", "exp(log g) = g")),
        (make_group("SE(2)").exp, lambda g: g, ("log of own must be a function to a tensor of shape (5, 3)",)),
        (make_group("SE(2)").exp, None, ("maps of own must be a pair of functions (exp, log)",)),
    ],
)
def test_maps_that_are_not_those_of_the_generators_are_refused(exp, log, parts):
    says(InputError, lambda: CustomGroup("own", *make_group("SE(2)").generators(), maps=(exp, log)), *parts)


@pytest.mark.parametrize("name", ["T(2)", "SO(2)", "SO(3)", "SE(2)", "SE(3)", "SO(2)xT(1)", "Sq(2)"])
def test_the_maps_of_the_groups_shipped_pass(name):
    shipped = make_group(name)
    CustomGroup("own", *shipped.generators(), maps=(shipped.exp, shipped.log))


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


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("T(1)xe(2)", "got 'e(2)' in 'T(1)xe(2)': say E(2)"),
        ("o(3)", "say O(3)"),
        ("SE3", "say SE(3)"),
        ("se(2)", "say SE(2)"),
        ("trivial(2)", "say Trivial(2)"),
        ("r*so(2)", "say R*SO(2)"),
    ],
)
def test_a_name_that_is_nearly_one_is_told_it(name, remedy):
    says(InputError, lambda: make_group(name), "group must be one of Trivial(d)", remedy)


@pytest.mark.parametrize("name", [None, 2, ("SE(2)",), b"SE(2)"])
def test_what_is_no_name_is_refused(name):
    says(InputError, lambda: make_group(name), 'group must be a name such as "SE(2)", or a Group', f"got {name!r}")


@pytest.mark.parametrize("name", ["SE(1)", "SO(0)", "SO(1)", "O(0)", "E(0)", "T(0)", "Trivial(0)", "R*SO(3)"])
def test_a_dimension_without_the_group_is_named(name):
    with pytest.raises(InputError, match=r"dimension of [\w*]+ must be"):
        make_group(name)
