"""Molecules in motion: steps of velocity Verlet on an energy surface whose forces are known."""

from __future__ import annotations

import pytest
import torch

from lieham.data.stepping import verlet_forces, verlet_steps
from lieham.errors import InputError

pytest.importorskip("tblite.ase")
from systems.molecules.tight_binding import elements, molecular_dynamics


def test_the_steps_tell_the_forces_and_nothing_turns_or_drifts():
    data = molecular_dynamics("H2O", k=4, frames=12)
    x = data.train
    assert x.q.shape == (2, 12, 3, 3) and data.n_features == 2 and elements("H2O") == [8, 1, 1]
    assert verlet_steps(x)
    size = x.forces.abs().max()
    assert (verlet_forces(x) - x.forces).abs().max() < 1e-6 * size
    assert x.p.sum(-2).abs().max() < 1e-10 * x.p.abs().max()
    kinetic = (x.p.square().sum(-1) / (2 * x.bodies.mass[:, None])).sum(-1)
    total = kinetic + x.energy
    assert (total - total[:, :1]).abs().max() < 0.05 * kinetic.max(), "steps of 0.5 fs keep the energy to their order"
    again = molecular_dynamics("H2O", k=4, frames=12)
    assert torch.equal(again.train.q, x.q)


def test_what_cannot_be_made_is_said():
    with pytest.raises(InputError, match="k must be at least 4 trajectories, got 2"):
        molecular_dynamics("H2O", k=2)
    with pytest.raises(InputError, match="name must be one of ethanol"):
        elements("unobtainium")
