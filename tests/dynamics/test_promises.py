"""Promises: which charges a model says that it keeps, and why."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lieham
from lieham.auditing import assert_sound, audit
from lieham.conservation import Conservation
from lieham.dynamics import Dynamics, Kinetic, Newtonian
from lieham.dynamics.promise import PARTS, VERDICTS
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.integrate.base import Field
from tests.helpers.cases import randomise
from tests.helpers.conservation import start

ROUND_OFF, BROKEN = 1e-13, 1e-4


def verdicts(model: Dynamics, group: str) -> dict[str, str]:
    return {promise.charge: promise.verdict for promise in model.promises(group)}


def report(model: lieham.Hamiltonian, steps: int = 40, shift: float = 0.0, **settings) -> Conservation:
    x = start(2)
    moved = lieham.Trajectory.of(x.times, x.q + shift, x.p, x.bodies)
    return lieham.conservation(lieham.forecast(model, moved, steps, dt=0.01, substeps=1, **settings))


# A general H whose symmetry changes |p|²


def stretched(state: lieham.PhaseState, bodies: lieham.Bodies) -> torch.Tensor:
    """H = Σ_i ½ |q_i|²|p_i|² + ⅕ Σ_ij (q_i·p_j)(q_j·p_i), which q → e^s q, p → e^−s p leaves unchanged."""
    q, p = state.q, state.p * bodies.mask[..., None]
    both = torch.einsum("...id,...jd->...ij", q, p)
    own = q.square().sum(-1) * p.square().sum(-1)
    return 0.5 * own.sum(-1) + 0.2 * (both * both.mT).sum((-2, -1))


def trapped(state: lieham.PhaseState, bodies: lieham.Bodies) -> torch.Tensor:
    """The same in a trap ½ Σ|q|², which no scaling leaves unchanged."""
    return stretched(state, bodies) + 0.5 * (state.q.square().sum(-1) * bodies.mask).sum(-1)


def test_a_general_h_keeps_the_charge_of_its_scaling():
    """{H, D} = 0 for D = Σ q·p, though the scaling is no isometry: the invariance of H alone counts."""
    made = report(lieham.GeneralHamiltonian(stretched, group="R*(2)"), method="gauss4")
    assert made["D"].promised and made.certificate("D").model == "yes"
    assert made.certificate("D").integrator == "keeps quadratic" and made.certificate("D").blame == ""
    assert made["D"].drift.max() <= ROUND_OFF
    assert not made["P_x"].promised and made["P_x"].drift.max() > BROKEN


def test_a_scaling_that_is_declared_and_not_there_is_found_out():
    made = report(lieham.GeneralHamiltonian(trapped, group="R*(2)"), method="gauss4")
    assert made.certificate("D").model == "yes" and made.certificate("D").blame == "model"
    assert made["D"].drift.max() > BROKEN


def test_a_general_h_without_a_group_promises_h_alone():
    model = lieham.GeneralHamiltonian(stretched)
    assert set(verdicts(model, "R*SO(2)").items()) == {
        ("D", "no"),
        ("L", "no"),
        ("L_cm", "no"),
        ("D_cm", "no"),
        ("H", "yes"),
    }
    assert model.promises("R*SO(2)")[0].why == "The model declares no symmetry."


def test_the_audit_declares_the_bracket_of_a_general_h_with_the_charge_of_its_scaling():
    sound = assert_sound(lieham.GeneralHamiltonian(stretched, group="R*(2)"), count=50)
    assert sound["{H, D}"].declared
    wrong = audit(lieham.GeneralHamiltonian(trapped, group="R*(2)"), count=50)
    assert {"invariance", "{H, D}"} <= set(wrong.broken)


# Kinetic energies that say what they share


class Directed(Kinetic):
    """K = Σ p_x p_y / |p|²: a scaling of p leaves it unchanged, a turn does not."""

    equation = "K = Σ p_x p_y / |p|²"

    def forward(self, p, bodies):
        return (p[..., 0] * p[..., 1] / p.square().sum(-1)).sum(-1)

    def velocity(self, p, bodies):
        return torch.func.grad(lambda p: self(p, bodies).sum())(p)

    def keeps(self, group):
        A, _ = group.generators()
        one = torch.eye(2, dtype=A.dtype)
        return (A - A[:, :1, :1] * one).abs().sum((1, 2)) == 0


class Heavier(Kinetic):
    """K = Σ (p_x² + p_y²/2) / 2m: bodies are heavier along y, and a turn changes it."""

    equation = "K = Σ (p_x² + p_y²/2)/2m"
    linear_velocity = True

    def forward(self, p, bodies):
        return ((p[..., 0].square() + 0.5 * p[..., 1].square()) / (2 * bodies.mass)).sum(-1)

    def velocity(self, p, bodies):
        return p * torch.tensor([1.0, 0.5], dtype=p.dtype) / bodies.mass[..., None]


def pull(q: torch.Tensor, bodies: lieham.Bodies) -> torch.Tensor:
    """Springs between all pairs."""
    return 0.25 * (q[..., :, None, :] - q[..., None, :, :]).square().sum((-3, -2, -1))


def bearing(q: torch.Tensor, bodies: lieham.Bodies) -> torch.Tensor:
    """V = Σ x²/|q|², of degree 0."""
    return (q[..., 0].square() / q.square().sum(-1)).sum(-1)


def separable(potential, kinetic: Kinetic, group: str) -> lieham.SeparableHamiltonian:
    model = lieham.SeparableHamiltonian(potential, kinetic)
    model.group = make_group(group)
    return model


def test_a_kinetic_energy_that_scalings_keep_keeps_their_charge():
    made = report(separable(bearing, Directed(), "R*(2)"), shift=5.0, method="yoshida4")
    assert made["D"].promised and made["D"].drift.max() <= ROUND_OFF
    newtons = report(separable(bearing, Newtonian(), "R*(2)"), shift=5.0, method="yoshida4")
    assert newtons.certificate("D").model == "no: changes K" and newtons["D"].drift.max() > BROKEN
    assert newtons["D"].promise.why == "V is invariant under R*(2), but this motion changes K = Σ|p|²/2m, and so H."


def test_a_kinetic_energy_that_turns_change_keeps_no_angular_momentum():
    """V has all of SE(2), K the translations alone; and along y the centre of mass does not move with P/M."""
    made = report(separable(pull, Heavier(), "SE(2)"))
    found = {charge.name: made.certificate(charge.name).model for charge in made.charges}
    assert found == {
        "P_x": "yes",
        "P_y": "yes",
        "L": "no: changes K",
        "L_cm": "no",
        "K_x": "yes",
        "K_y": "no",
        "H": "yes",
    }
    assert max(made.largest("P"), made.largest("K_x")) <= ROUND_OFF
    assert made["L"].drift.max() > BROKEN and made["K_y"].drift.max() > BROKEN
    newtons = report(separable(pull, Newtonian(), "SE(2)"))
    assert all(charge.promised for charge in newtons.charges)
    assert max(newtons.largest(name) for name in ("P", "L", "K")) <= ROUND_OFF


# What every model says


MODELS = {
    "SE(2)": lieham.HLieConv("SE(2)", width=8),
    "T(2)": lieham.HLieConv("T(2)", width=8),
    "sampled": lieham.HLieConv("SE(2)", width=8, lift="sampled"),
    "magnetic": lieham.VectorPotentialLieConv("SO(2)xT(1)", width=8),
    "general": lieham.GeneralHamiltonian(stretched, "R*SO(2)"),
}


@pytest.mark.parametrize("name", MODELS)
def test_each_promise_gives_a_verdict_and_a_reason_in_a_sentence(name):
    model = MODELS[name]
    for promise in model.promises(model.group):
        assert promise.verdict in VERDICTS and promise.part in PARTS and promise.kept == (promise.verdict == "yes")
        assert promise.why[0].isupper() and promise.why.endswith(".") and len(promise.why.split()) > 4


def test_verdicts_of_our_models():
    assert set(verdicts(MODELS["SE(2)"], "SE(2)").values()) == {"yes"}
    translations = {"P_x": "yes", "P_y": "yes", "L": "no", "L_cm": "no", "K_x": "yes", "K_y": "yes", "H": "yes"}
    assert verdicts(MODELS["T(2)"], "SE(2)") == translations
    assert set(verdicts(MODELS["sampled"], "SE(2)").values()) == {"on average", "yes"}
    magnetic = verdicts(MODELS["magnetic"], "SE(3)")
    assert {name for name, verdict in magnetic.items() if verdict == "yes"} == {"P_z", "L_z", "H"}
    assert "canonical momenta" in MODELS["magnetic"].promises("SO(2)xT(1)")[0].why


def test_a_group_of_another_dimension_is_refused():
    with pytest.raises(InputError, match=r"group must act on 2 dimensions like the model's, got SE\(3\)"):
        MODELS["SE(2)"].promises("SE(3)")
    with pytest.raises(InputError, match=r"group must be one of .*, got 'SU\(2\)'"):
        lieham.GeneralHamiltonian(stretched, "SU(2)")


class Damped(Dynamics):
    """A field that no Hamiltonian is known of."""

    def field(self, bodies) -> Field:
        raise NotImplementedError


def test_a_field_without_a_hamiltonian_promises_nothing():
    assert verdicts(Damped(), "T(2)") == {"P_x": "no", "P_y": "no"}
    assert not Damped().separable and lieham.SeparableHamiltonian(pull).separable


# What a model takes


def test_a_model_checks_the_data_itself():
    x = start(2)
    lieham.HLieConv("SE(2)", 1, width=8).check(x)
    lieham.GeneralHamiltonian(stretched).check(start(3))
    for model, message in (
        (lieham.HLieConv("SE(2)", 2, width=8), "features of the model must be 1 like the data's, got 2"),
        (lieham.HLieConv("SE(3)", 1, width=8), r"group must act on 2 dimensions like the data, got SE\(3\)"),
        (lieham.GeneralHamiltonian(stretched, "R*(3)"), r"group must act on 2 dimensions like the data, got R\*\(3\)"),
    ):
        with pytest.raises(InputError, match=message):
            model.check(x)
        with pytest.raises(InputError, match=message):
            lieham.forecast(model, x, 2)


def test_the_functions_of_a_model_are_its_energy_field_and_potential():
    x, model = start(2), randomise(lieham.HLieConv("SE(2)", 1, width=8))
    state, bodies = x.state(0), x.bodies
    tensors, functions = (bodies.mass, bodies.features, bodies.mask), model.functions()
    assert torch.equal(functions.energy(*state, *tensors), model.energy(state, bodies))
    assert torch.equal(functions.potential(state.q, *tensors), model.potential(state.q, bodies))
    rates = model.field(bodies)(torch.zeros((), dtype=state.q.dtype), state)
    assert all(torch.equal(a, b) for a, b in zip(functions.rates(*state, *tensors), rates, strict=True))
    assert functions.redraw is None and MODELS["sampled"].functions().redraw is not None
    assert MODELS["general"].functions().potential is None


def test_a_module_of_others_with_the_names_of_a_model_is_one():
    """The audit asks for what a model gives, not for its class."""

    class Own(nn.Module):
        group, features = make_group("R*(2)"), None

        def functions(self):
            return lieham.GeneralHamiltonian(stretched).functions()

    assert assert_sound(Own(), count=20).names[0] == "determinism"
