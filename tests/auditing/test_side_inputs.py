"""What the audit does with side inputs, and what it asks for where it cannot know."""

from __future__ import annotations

import pytest
import torch

from lieham.auditing import assert_sound, audit
from lieham.errors import InputError
from systems import Springs
from tests.auditing.helpers import FEW
from tests.helpers.faults import FAULTS, pair_force, pair_potential


def dipoles(q, field):
    x = q - q.mean(1, keepdim=True)
    return pair_potential(q) + (x @ field[..., None]).square().sum((1, 2))


def test_it_asks_how_a_side_input_moves():
    field = {"field": torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)}
    with pytest.raises(InputError, match=r"moves must say how 'field' of shape \(3,\) moves with the bodies: scalar, "):
        audit(dipoles, "SE(3)", inputs=field)
    assert_sound(dipoles, "SE(3)", inputs=field, moves={"field": "vector"}, **FEW)
    left = audit(dipoles, "SE(3)", inputs=field, moves={"field": "scalar"}, **FEW)
    assert "invariance" in left.broken and "net torque" in left.broken and "net force" not in left.broken


def test_edge_vectors_and_points_move_with_the_rest():
    generator = torch.Generator().manual_seed(0)
    edges = torch.randn(5, 5, 3, generator=generator, dtype=torch.float64)
    wall = torch.randn(3, generator=generator, dtype=torch.float64)

    def function(q, edges, wall):
        along = ((q[:, :, None] - q[:, None]) * edges).sum(-1)
        return along.square().sum((1, 2)) + (q - wall[:, None]).square().sum((1, 2))

    inputs = {"edges": edges, "wall": wall}
    assert_sound(function, "SE(3)", inputs=inputs, moves={"edges": "vector", "wall": "point"}, **FEW)
    wrong = audit(function, "SE(3)", inputs=inputs, moves={"edges": "vector", "wall": "vector"}, **FEW)
    assert "invariance" in wrong.broken


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "inputs must hold 'field', which dipoles takes, got"),
        ({"inputs": {"field": torch.ones(3)}, "moves": {"field": "sideways"}}, "must be one of scalar, vector"),
        ({"inputs": {"field": torch.ones(3)}, "moves": {"other": "vector", "field": "vector"}}, "got 'other'"),
        ({"kind": "energy"}, "kind must be one of H, V, force, got 'energy'"),
        ({"n_bodies": 1}, "n_bodies must be at least 2, got 1"),
        ({"group": None}, "group must be given, since function declares none"),
        ({"group": "SU(3)"}, "group must be one of"),
        ({"count": 0}, "count must be at least 1, got 0"),
    ],
)
def test_what_it_cannot_know_it_asks_for(settings, message):
    settings = {"group": "SE(3)"} | settings
    with pytest.raises(InputError, match=message):
        audit(dipoles, settings.pop("group"), **settings)


def test_a_hamiltonian_that_declares_no_group():
    springs = Springs(3, 2).hamiltonian()
    with pytest.raises(InputError, match="group must be given, since SeparableHamiltonian declares none"):
        audit(springs)
    assert_sound(springs, "SE(2)", inputs={"features": torch.ones(5, 1)}, **FEW)
    with pytest.raises(InputError, match="input must be one of mass, features, got 'charge'"):
        audit(springs, "SE(2)", inputs={"charge": torch.ones(5)})
    with pytest.raises(InputError, match="must be a function that says what it takes, got sum"):
        audit(torch.sum, "SE(2)")


def test_a_function_of_one_system_and_one_that_torch_cannot_differentiate():
    assert_sound(lambda q: pair_potential(q[None])[0], "SE(3)", batched=False, count=10, n_bodies=3)
    made = audit(lambda q: torch.from_numpy(pair_potential(q.detach()).numpy()), "SE(3)", **FEW)
    assert made.sound and "torch cannot differentiate it" in made.skipped.values()
    with pytest.raises(InputError, match=r"must be a function of q \(16, 5, 3\) to \(16,\), got \(16, 1\)"):
        audit(lambda q: pair_potential(q)[:, None], "SE(3)")


def test_the_target_is_left_as_it_was():
    model = FAULTS["batch leak"][0]
    before = [x.clone() for x in model.state_dict().values()]
    audit(model, "SE(3)", **FEW)
    assert model.training and all(torch.equal(x, y) for x, y in zip(before, model.state_dict().values(), strict=True))


def test_a_force_beside_an_energy_must_be_its_gradient():
    assert_sound(pair_potential, "E(3)", force=pair_force, **FEW)
    made = audit(pair_potential, "E(3)", force=lambda q: 1.0001 * pair_force(q), **FEW)
    assert made.broken == ["force = -∇V"] and made["force = -∇V"].worst == pytest.approx(1e-4, rel=1e-6)
