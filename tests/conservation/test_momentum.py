"""Momentum maps: against their textbook forms, as generators of the group's motion, and as constants of it."""

from __future__ import annotations

import pytest
import torch

from lieham.conservation.momentum import centre_of_mass, centre_of_mass_frame, charge_scale, momentum_map
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.groups.algebra import contains, keeps_form_in_other_units
from lieham.state import Bodies, PhaseState
from tests.helpers.cases import GROUPS, MODELS, cloud, make_model

groups = pytest.mark.parametrize("group", GROUPS, ids=str)


def close(got, want):
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_translations_give_the_total_momentum(dim):
    q, p, bodies = cloud(dim)
    for about in ("origin", "centre_of_mass"):
        close(momentum_map(make_group(f"T({dim})"), PhaseState(q, p), bodies, about), p.sum(-2))


def test_rotations_give_the_angular_momentum():
    q, p, bodies = cloud(2)
    (turn,) = momentum_map(make_group("SO(2)"), PhaseState(q, p), bodies).unbind(-1)
    close(turn, (q[..., 0] * p[..., 1] - q[..., 1] * p[..., 0]).sum(-1))
    q, p, bodies = cloud(3)
    close(momentum_map(make_group("SO(3)"), PhaseState(q, p), bodies), torch.linalg.cross(q, p).sum(-2))


def test_rigid_motions_give_both():
    for dim in (2, 3):
        q, p, bodies = cloud(dim)
        state = PhaseState(q, p)
        parts = [momentum_map(make_group(name.format(dim)), state, bodies) for name in ("T({})", "SO({})")]
        close(momentum_map(make_group(f"SE({dim})"), state, bodies), torch.cat(parts, -1))


def test_the_spin_is_what_is_left_of_l_without_the_orbit():
    q, p, bodies = cloud(3)
    state, group = PhaseState(q, p), make_group("SO(3)")
    centre = centre_of_mass(state, bodies)
    orbit = torch.linalg.cross(centre.q, centre.p)[:, 0]
    spin = momentum_map(group, state, bodies, "centre_of_mass")
    close(spin, momentum_map(group, state, bodies) - orbit)
    shifted = PhaseState(q + 5.0, p + bodies.mass[..., None] * 2.0)
    close(momentum_map(group, shifted, bodies, "centre_of_mass"), spin)


def test_the_centre_of_mass_frame_is_at_rest():
    q, p, bodies = cloud(2)
    centre = centre_of_mass(centre_of_mass_frame(PhaseState(q, p), bodies), bodies)
    assert centre.q.abs().max() < 1e-15 and centre.p.abs().max() < 1e-14


@groups
def test_each_charge_generates_its_motion(group):
    """The definition of a momentum map: J∇J_k is q̇ = A_k q + b_k, ṗ = −A_kᵀ p."""
    q, p, bodies = cloud(group.space_dim)
    A, b = group.generators()
    for k in range(group.lie_dim):
        gradient = torch.func.grad(lambda z, k=k: momentum_map(group, z, bodies)[..., k].sum())(PhaseState(q, p))
        close(gradient.p, q @ A[k].mT + b[k])
        close(-gradient.q, -p @ A[k])


@groups
def test_padding_and_batches_do_not_enter(group):
    q, p, bodies = cloud(group.space_dim)
    mask = torch.tensor([True, True, True, True, False]).expand(3, -1)
    some = Bodies(bodies.mass, bodies.features, mask)
    fewer = Bodies.of(bodies.mass[:, :4], bodies.features[:, :4])
    for about in ("origin", "centre_of_mass"):
        for charge in (momentum_map, charge_scale):
            want = charge(group, PhaseState(q[:, :4], p[:, :4]), fewer, about)
            close(charge(group, PhaseState(q, p), some, about), want)
            alone = charge(group, PhaseState(q[1], p[1]), some.map(lambda x: x[1]), about)
            close(alone, want[1])


@groups
def test_a_scale_bounds_its_charge(group):
    q, p, bodies = cloud(group.space_dim)
    for about in ("origin", "centre_of_mass"):
        state = PhaseState(q, p)
        charge, scale = momentum_map(group, state, bodies, about), charge_scale(group, state, bodies, about)
        assert (charge.abs() <= scale * (1 + 1e-14)).all() and (scale > 0).all()


def bracket(model, charge, q, p, bodies):
    """{H, J} = ∂H/∂q ∂J/∂p − ∂H/∂p ∂J/∂q of each system, and the sum of the sizes of its terms."""
    state = PhaseState(q, p)
    H = torch.func.grad(lambda z: model.energy(z, bodies).sum())(state)
    J = torch.func.grad(lambda z: charge(z).sum())(state)
    terms = H.q * J.p, H.p * J.q
    return (terms[0] - terms[1]).sum((-1, -2)), (terms[0].abs() + terms[1].abs()).sum((-1, -2))


@pytest.mark.parametrize("name", MODELS)
def test_the_bracket_of_h_with_a_charge_vanishes_if_and_only_if_the_model_has_the_symmetry(name):
    model = make_model(name)
    dim = model.group.space_dim
    q, p, bodies = cloud(dim)
    asked = make_group(f"SE({dim})" if dim > 1 else "T(1)")
    for k, promised in enumerate(contains(model.group, asked) & asked.isometries):
        value, size = bracket(model, lambda z, k=k: momentum_map(asked, z, bodies)[..., k], q, p, bodies)
        relative = (value.abs() / size).max()
        assert relative < 1e-13 if promised else relative > 1e-4


@pytest.mark.parametrize(
    "group, subgroup, inside",
    [
        ("SE(2)", "T(2)", [True, True]),
        ("SE(2)", "SO(2)", [True]),
        ("SE(3)", "SE(3)", [True] * 6),
        ("T(2)", "SE(2)", [True, True, False]),
        ("SO(3)", "SE(3)", [False] * 3 + [True] * 3),
        ("Trivial(2)", "SE(2)", [False] * 3),
        ("SE(2)", "Trivial(2)", []),
    ],
)
def test_which_generators_a_group_contains(group, subgroup, inside):
    assert contains(make_group(group), make_group(subgroup)).tolist() == inside


def test_a_bad_origin_is_named():
    q, p, bodies = cloud(2)
    for function in (momentum_map, charge_scale):
        with pytest.raises(InputError, match="about must be one of origin, centre_of_mass, got 'moon'"):
            function(make_group("SO(2)"), PhaseState(q, p), bodies, "moon")


def test_groups_that_are_others_in_other_units():
    own = {str(group): keeps_form_in_other_units(group) for group in GROUPS}
    assert [name for name, keeps in own.items() if not keeps] == ["Helical(0.7)"]


def test_scalings_promise_nothing():
    assert not make_group("R*(2)").isometries.any() and not make_group("Sq(2)").isometries.any()
    assert make_group("R*SO(2)").isometries.tolist() == [False, True]
    assert all(make_group(name).isometries.all() for name in ("SE(3)", "SO(2)xT(1)", "Helical(2)"))
