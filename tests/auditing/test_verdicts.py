"""The audit finds twelve planted faults and calls no sound model broken."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.auditing import BROKEN, EXACT, ROUND_OFF, assert_sound, audit
from systems import FallingSprings, Gravity, Springs
from tests.auditing.helpers import FEW
from tests.helpers.cases import make_model
from tests.helpers.faults import FAULTS, SOUND


def told(case: tuple) -> tuple:
    function, settings = case[0], dict(case[1])
    return (function, settings.pop("group", "SE(3)")), settings


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_the_check_that_is_for_it(name):
    arguments, settings = told(FAULTS[name])
    made = audit(*arguments, **FEW, **settings)
    assert not made.sound and FAULTS[name][2] in made.broken, f"\n{made}"


@pytest.mark.parametrize("name", SOUND)
def test_no_sound_model_of_others_is_called_broken(name):
    arguments, settings = told(SOUND[name])
    assert_sound(*arguments, **FEW, **settings)


def test_a_group_too_large_is_found_out():
    wrong = audit(make_model("T(2) gated"), "SE(2)", **FEW)
    assert wrong["invariance"].verdict == BROKEN and wrong["net torque"].verdict == BROKEN
    assert wrong["net force"].verdict in (EXACT, ROUND_OFF)


@pytest.mark.parametrize(
    "system", [Springs(4, 2), Springs(4, 3), Gravity(4, 3), FallingSprings(4)], ids=lambda x: f"{x.name} {x.dim}"
)
def test_the_laws_themselves_are_sound(system):
    mass = torch.rand(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    inputs = {"mass": mass, "features": mass[:, None]}

    def potential(q, mass, features, mask):
        return system.potential(q, lieham.Bodies(mass, features, mask))

    assert_sound(potential, system.symmetry, inputs=inputs, **FEW)
    whole = f"E({system.dim})"
    assert audit(potential, whole, inputs=inputs, **FEW).sound == (system.symmetry == f"SE({system.dim})")


def test_scalings_keep_v_and_not_h_and_the_audit_says_so():
    made = audit(make_model("R*SO(2) gated"), **FEW)
    assert made.sound and made["invariance"].verdict == ROUND_OFF
    assert made["{H, D}"].verdict == BROKEN and not made["{H, D}"].declared and "changes K" in made["{H, D}"].detail
    assert made["{H, L}"].verdict in (EXACT, ROUND_OFF)


@pytest.mark.usefixtures("few_lines")
def test_a_hamiltonian_that_is_not_separable():
    """Canonical L_z and P_z, not P_x, in a vector potential."""
    model = lieham.VectorPotentialLieConv("SO(2)xT(1)", 1, width=8)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    assert_sound(model, **FEW)
    made = audit(model, "SE(3)", **FEW)
    assert {"{H, P_x}", "{H, L_x}"} <= set(made.broken)
    assert made["{H, L_z}"].verdict == made["{H, P_z}"].verdict == ROUND_OFF


def test_each_factor_of_a_product_has_its_own_mirror_images():
    """Σ (z_i − z̄)³ tells up from down, which is found out under E(2)xE(1) and not under E(2)xT(1)."""

    def climbing(q):
        z = q[..., 2]
        return (z - z.mean(1, keepdim=True)).pow(3).sum(1)

    assert audit(climbing, "E(2)xT(1)", **FEW)["invariance"].verdict != BROKEN
    assert audit(climbing, "E(2)xE(1)", **FEW)["invariance"].verdict == BROKEN
