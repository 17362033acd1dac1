"""A uniform field of the environment: how it is declared, its force, and what a model with one promises and keeps."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.auditing import assert_sound, audit
from lieham.dynamics import SeparableHamiltonian, UniformField
from lieham.dynamics.uniform_field import declaration, declared_field
from lieham.errors import InputError
from lieham.state import Bodies, PhaseState
from tests.helpers.cases import randomise
from tests.helpers.conservation import start

ROUND_OFF, BROKEN = 1e-13, 1e-4


def model(group: str = "SE(3)", field: object = (0.0, 0.0, -3.0), **settings) -> lieham.HLieConv:
    made = randomise(lieham.HLieConv(group, 1, width=16, uniform_field=field, **settings))
    if made.uniform_field is not None and made.uniform_field.is_learned:
        with torch.no_grad():
            made.uniform_field.components.copy_(torch.linspace(1.0, 2.0, len(made.uniform_field.axes)))
    return made


def report(made: lieham.Hamiltonian, group: str | None = None, **settings):
    x = start(made.group.space_dim)
    return lieham.conservation(lieham.forecast(made, x, 40, dt=0.01, substeps=1, **settings), group)


# How it is declared


@pytest.mark.parametrize(
    ("declared", "dim", "learned", "given"),
    [
        (True, 2, 2, [0, 0]),
        ("true", 3, 3, [0, 0, 0]),
        (" True ", 5, 5, [0] * 5),
        ("z", 3, 1, [0, 0, 0]),
        ("zx", 3, 2, [0, 0, 0]),
        ((0, -9.81), 2, 0, [0, -9.81]),
        ("0,0,-9.81", 3, 0, [0, 0, -9.81]),
        (torch.tensor([1.5]), 1, 0, [1.5]),
        ("2", 1, 0, [2]),
    ],
)
def test_what_may_be_declared(declared, dim, learned, given):
    """And the text that a file of settings holds declares the same."""
    for field in (declared_field(declared, dim), declared_field(declaration(declared), dim)):
        assert field.axes.shape == (learned, dim) and field.is_learned is (learned > 0)
        torch.testing.assert_close(
            field.acceleration.detach(), torch.tensor(given, dtype=torch.float64), rtol=0, atol=0
        )


@pytest.mark.parametrize("declared", [None, False, "", "false"])
def test_no_field(declared):
    assert declared_field(declared, 2) is None
    assert "uniform.weight" not in lieham.HLieConv("SE(2)", width=8, uniform_field=declared).state_dict()


@pytest.mark.parametrize("declared", ["z", "xx", "up", "1,2,3", (1.0,), "1,nan", 3.0, "0,inf", [[1.0, 2.0]]])
def test_what_may_not_be_declared(declared):
    with pytest.raises(InputError, match=r"uniform_field must be True"):
        lieham.HLieConv("SE(2)", width=8, uniform_field=declared)


@pytest.mark.parametrize(
    ("group", "declared", "remedy"),
    [("Trivial(2)", True, "leave uniform_field out"), ("SE(2)xTrivial(1)", True, "say uniform_field='xy'")],
)
def test_a_field_that_the_potential_holds_by_itself_is_not_learned(group, declared, remedy):
    """It could not be told from the potential; one that is given can be."""
    with pytest.raises(InputError, match=remedy):
        lieham.HLieConv(group, width=8, uniform_field=declared)
    d = lieham.make_group(group).space_dim
    assert lieham.HLieConv(group, width=8, uniform_field=[1.0] * d).uniform_field is not None


def test_a_vector_potential_has_none():
    with pytest.raises(InputError, match="uniform_field must be declared of an HLieConv"):
        lieham.VectorPotentialLieConv("T(3)", uniform_field="z")


# Its force


@pytest.mark.parametrize("declared", [True, "y", (0.3, -2.0)])
@pytest.mark.parametrize("settings", [{}, {"blocks": 2}, {"radius": 1.0}, {"block": "paper"}, {"dtype": torch.float32}])
def test_the_force_is_that_without_the_field_and_the_weight(declared, settings):
    """In energy, field and the potential that is computed once for the bodies; with gradients and without."""
    made = model("SE(2)", declared, **settings)
    x = start(2).to(dtype=settings.get("dtype", torch.float64))
    q, bodies = x.q[:, 0], x.bodies
    bodies = Bodies(bodies.mass, bodies.features, torch.tensor([[True] * 5, [True] * 4 + [False]]))
    weight = bodies.mass[..., None] * bodies.mask[..., None] * made.uniform_field.acceleration
    bare = SeparableHamiltonian(made.potential)
    want = bare.field(bodies).force(torch.zeros(()), q) + weight
    close = (
        {"rtol": 1e-5, "atol": 1e-5}
        if made.uniform_field.given.dtype == torch.float32
        else {"rtol": 1e-11, "atol": 1e-11}
    )
    for mode in (torch.no_grad, torch.enable_grad):
        with mode():
            torch.testing.assert_close(made.field(bodies).force(torch.zeros(()), q), want, **close)
    slope = torch.func.grad(lambda q: made.energy(PhaseState(q, x.p[:, 0]), bodies).sum())(q)
    torch.testing.assert_close(-slope, want, **close)
    assert weight.abs().max() > 0.1 and not weight[1, 4].any()


def test_a_compiled_field_is_shared_by_equal_potentials():
    """Other bodies and another g need no other function, and a potential without a field is another one."""
    made = model("SE(2)", (0.3, -2.0))
    one = made.at(start(2).bodies)[0]
    with torch.no_grad():
        made.uniform_field.given.mul_(2)
    two = made.at(start(2)[:1].bodies)[0]
    assert one == two and hash(one) == hash(two)
    assert one != made.within(start(2).bodies)[0]


def test_gradients_reach_what_is_learned():
    made = model("SE(2)", True)
    made.field(start(2).bodies).force(torch.zeros(()), start(2).q[:, 0]).square().sum().backward()
    assert made.uniform_field.components.grad.abs().min() > 0


# What is promised and kept


KEPT = {
    "SE(3)": {"P_x", "P_y", "L_z", "L_cm_x", "L_cm_y", "L_cm_z", "K_x", "K_y", "H"},
    "T(3)": {"P_x", "P_y", "K_x", "K_y", "H"},
    "SO(3)": {"L_z", "H"},
    "SE(2)": {"P_x", "K_x", "L_cm", "H"},
}


@pytest.mark.parametrize("group", KEPT)
@pytest.mark.parametrize("learned", [False, True])
def test_a_model_promises_and_keeps_just_what_the_field_leaves(group, learned):
    """With an integrator that keeps quadratic invariants: what is promised stays, and all else moves."""
    d = lieham.make_group(group).space_dim
    made = model(group, "xyz"[d - 1] if learned else [0.0] * (d - 1) + [-3.0])
    found = report(made)
    assert {charge.name for charge in found.charges if charge.promised} == KEPT[group]
    for charge in found.charges:
        if charge.kind != "energy":
            drift = charge.drift.max()
            assert drift < ROUND_OFF if charge.promised else drift > BROKEN, charge.name
    assert found.certificate("P_y" if d == 2 else "P_z").blame == "model"


def test_without_the_field_the_charges_it_breaks_are_kept():
    """The negative control: the same weights and the same path, but no field."""
    found = report(model("SE(3)", None))
    for name in ("P_z", "L_x", "L_y", "K_z"):
        assert found[name].promised and found[name].drift.max() < ROUND_OFF


def test_a_method_that_keeps_no_quadratic_invariant_loses_what_is_promised():
    found = report(model(), method="rk4")
    assert found["L_cm_x"].promised and not found["L_cm_x"].kept
    assert found["L_cm_x"].drift.max() > 10 * ROUND_OFF and found["P_x"].drift.max() < ROUND_OFF


def test_a_tilted_field_keeps_the_momentum_across_it():
    """P_x and P_y are not kept, but their combination across g is, as the turn about g is; the symmetry names them."""
    made = model("SE(3)", (3.0, 4.0, 0.0))
    own = made.symmetry
    assert own.lie_dim == 3 and "P_z" in own.charges
    assert {p.charge for p in made.promises("SE(3)") if p.kept} >= {"P_z", "L_cm_x", "L_cm_y", "L_cm_z", "K_z", "H"}
    assert not {p.charge for p in made.promises("SE(3)") if p.kept} & {"P_x", "P_y", "L_x", "L_y", "L_z"}
    found = report(made, own)
    assert all(found[name].promised and found[name].drift.max() < ROUND_OFF for name in own.charges)


def test_reasons_have_numbers():
    why = {p.charge: p.why for p in model().promises("SE(3)")}
    assert "at the rate -3 M" in why["P_z"] and "torque about the origin" in why["L_x"]
    assert "no torque about the centre of mass" in why["L_cm_x"] and "leaves the uniform field (0, 0, -3)" in why["P_x"]


def test_an_audit_asks_for_the_symmetry_of_the_whole():
    """Under the group of V alone the same model is broken."""
    made = model()
    assert_sound(made)
    assert not audit(made, "SE(3)").sound


def test_any_separable_hamiltonian_may_have_one():
    falling = SeparableHamiltonian(lambda q, bodies: 0 * q.sum((-1, -2)), uniform_field=UniformField(1, given=[-9.81]))
    start = PhaseState(torch.zeros(1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, dtype=torch.float64))
    path = lieham.integrate.integrate(
        falling.field(Bodies.of(torch.ones(1, 1).double())), start, torch.arange(3.0).double(), "leapfrog"
    )
    torch.testing.assert_close(
        path.q.flatten(), torch.tensor([0.0, -4.905, -19.62], dtype=torch.float64), rtol=1e-14, atol=0
    )
