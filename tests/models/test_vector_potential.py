"""A Hamiltonian with a vector potential: symmetry, padding, derivatives, files."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.errors import InputError
from lieham.models import load_model, save_model
from lieham.state import Bodies, PhaseState
from tests.helpers.cases import DTYPES, TOLERANCE, cloud, randomise
from tests.helpers.dynamics import ZERO


def coupled(group: str = "SO(2)xT(1)", dtype: torch.dtype = torch.float64):
    """Random weights, units that are not 1."""
    model = randomise(lieham.VectorPotentialLieConv(group, 2, width=16, dtype=dtype))
    model.momentum.fill_(1.7)
    model.potential.length.fill_(1.0 if group.startswith("Helical") else 0.8)
    return model


@pytest.mark.parametrize("group", ["SO(2)xT(1)", "T(3)", "SO(2)", "Helical(0.7)", "Trivial(2)xT(1)"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_motion_of_the_group_changes_h_with_its_vector_potential(group, dtype):
    model = coupled(group, dtype)
    q, p, bodies = cloud(model.group.space_dim, dtype=dtype)
    before = model.energy(PhaseState(q, p), bodies)
    for g in model.group.sample(8, generator=torch.Generator().manual_seed(1), dtype=dtype):
        A = g[:-1, :-1]
        after = model.energy(PhaseState(q @ A.mT + g[:-1, -1], p @ A.mT), bodies)
        torch.testing.assert_close(after, before, rtol=0, atol=10 * TOLERANCE[dtype] * before.abs().max().item())
    away = model.energy(PhaseState(q, -p), bodies)
    assert (away - before).abs().max() > 1e-3, "time reversal is no symmetry where there is a vector potential"


def test_padding_and_batch_mates_change_nothing_and_derivatives_are_finite():
    model = coupled()
    q, p, bodies = cloud(3)
    mask = torch.arange(5).lt(3).expand(3, -1)
    few = Bodies.of(bodies.mass[:, :3], bodies.features[:, :3])
    padded = Bodies.of(bodies.mass, bodies.features, mask)
    rate, alone = model.field(padded)(ZERO, PhaseState(q, p)), model.field(few)(ZERO, PhaseState(q[:, :3], p[:, :3]))
    torch.testing.assert_close(rate.q[:, :3], alone.q, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rate.p[:, :3], alone.p, rtol=1e-12, atol=1e-12)
    assert not rate.q[:, 3:].any() and not rate.p[:, 3:].any()
    one = bodies.map(lambda x: x[0])
    zero = PhaseState(torch.zeros_like(q[0]), torch.zeros_like(p[0]))
    hessian = torch.func.hessian(lambda z: model.energy(z, one))(zero)
    assert all(torch.isfinite(x).all() for row in hessian for x in row)


def test_a_saved_one_is_the_same_function(tmp_path):
    model = coupled()
    q, p, bodies = cloud(3)
    save_model(model, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert isinstance(again, lieham.VectorPotentialLieConv)
    assert torch.equal(again.energy(PhaseState(q, p), bodies), model.energy(PhaseState(q, p), bodies))


@pytest.mark.parametrize("group", ["SE(2)", "SO(3)", "R*(2)", "SE(2)xTrivial(1)"])
def test_groups_that_are_not_abelian_or_no_isometries_are_refused(group):
    with pytest.raises(InputError, match="group must be abelian, act freely and keep lengths"):
        lieham.VectorPotentialLieConv(group)
