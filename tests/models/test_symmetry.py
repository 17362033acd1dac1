"""The symmetry of HLieConv, for every model in `cases.MODELS`."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.cases import cloud, outside
from tests.helpers.models import MOVABLE, ZERO, close, dtypes, models, setting


def moved(g: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """The whole cloud (batch, n, d) under one motion."""
    return q @ g[..., :-1, :-1].mT + g[..., :-1, -1].unsqueeze(-2)


def spread(model, bodies) -> torch.Tensor:
    """By how much V differs between clouds."""
    others = torch.stack([cloud(model.group.space_dim, seed=s)[0] for s in range(20)])
    return model.potential(others, bodies).std()


@models
@dtypes
def test_no_motion_of_the_group_changes_the_energy(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    before = model.potential(q, bodies)
    for g in model.group.sample(16, generator=torch.Generator().manual_seed(1), dtype=dtype):
        close(model.potential(moved(g, q), bodies), before, dtype, scale=10)


@pytest.mark.parametrize("name", MOVABLE)
def test_far_from_the_origin_only_the_positions_round_off_is_lost(name):
    model, q, _, bodies = setting(name)
    close(model.potential(q + 1e3, bodies), model.potential(q, bodies), torch.float64, scale=1e3)


@models
def test_every_other_motion_changes_it(name):
    """The negative control: it is not invariant because it is constant."""
    model, q, _, bodies = setting(name)
    for g in outside(model.group):
        change = (model.potential(moved(g, q), bodies) - model.potential(q, bodies)).abs()
        assert change.max() > 1e-3 * spread(model, bodies)


@models
@dtypes
def test_the_force_turns_with_the_bodies(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    field = model.field(bodies)
    (g,) = model.group.sample(1, generator=torch.Generator().manual_seed(2), dtype=dtype)
    close(field.force(ZERO, moved(g, q)), field.force(ZERO, q) @ torch.linalg.inv(g[:-1, :-1]), dtype, scale=100)


@models
def test_the_charges_of_the_group_commute_with_the_potential(name):
    """Noether: Σ_i F_i · (A q_i + b) = 0 for every generator, for random weights."""
    model, q, _, bodies = setting(name)
    force = model.field(bodies).force(ZERO, q)
    for A, b in zip(*model.group.generators(), strict=True):
        work = force * (q @ A.mT + b)
        assert work.sum((-1, -2)).abs().max() < 1e-12 * work.abs().sum((-1, -2)).max()
