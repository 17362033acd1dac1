"""Order, padding, batches and few bodies, for every model in `cases.MODELS`."""

from __future__ import annotations

import pytest
import torch

from lieham.state import Bodies, PhaseState
from tests.helpers.models import MOVABLE, ZERO, close, dtypes, every_model, models, setting


@models
@dtypes
def test_the_order_of_the_bodies_does_not_matter(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    order = [3, 0, 4, 1, 2]
    shuffled = Bodies.of(bodies.mass[:, order], bodies.features[:, order])
    close(model.potential(q[:, order], shuffled), model.potential(q, bodies), dtype)


def padded(q: torch.Tensor, bodies: Bodies, at: float) -> tuple[torch.Tensor, Bodies]:
    """With two bodies more, not real, at some place."""
    fill = torch.full_like(q[:, :2], at)
    ones = torch.ones_like(bodies.mask[:, :2])
    mask = torch.cat([bodies.mask, ~ones], 1)
    mass = torch.cat([bodies.mass, 7.0 * ones], 1)
    features = torch.cat([bodies.features, 7.0 * ones[..., None].expand(-1, -1, 2)], 1)
    return torch.cat([q, fill], 1), Bodies(mass.to(q.dtype), features.to(q.dtype), mask)


@every_model
@dtypes
@pytest.mark.parametrize("at", [0.0, 50.0])
def test_padding_changes_nothing(name, dtype, at):
    model, q, _, bodies = setting(name, dtype)
    more, with_padding = padded(q, bodies, at)
    close(model.potential(more, with_padding), model.potential(q, bodies), dtype)
    force = model.field(with_padding).force(ZERO, more)
    close(force[:, :5], model.field(bodies).force(ZERO, q), dtype, scale=10)
    assert not force[:, 5:].any()
    assert not model.field(with_padding).velocity(ZERO, more)[:, 5:].any()


@every_model
@dtypes
def test_batch_mates_change_nothing(name, dtype):
    model, q, p, bodies = setting(name, dtype)
    whole = model.energy(PhaseState(q, p), bodies)
    alone = [model.energy(PhaseState(q[k], p[k]), bodies.map(lambda x, k=k: x[k])) for k in range(3)]
    close(torch.stack(alone), whole, dtype)


@every_model
def test_all_times_at_once(name):
    """States (batch, time, n, d) with bodies (batch, 1, n)."""
    model, q, p, bodies = setting(name)
    many = PhaseState(torch.stack([q, q + 0.1, 2 * q], 1), torch.stack([p, p, p], 1))
    together = model.energy(many, bodies.over_time())
    for t in range(3):
        close(together[:, t], model.energy(PhaseState(many.q[:, t], many.p[:, t]), bodies), torch.float64)


@every_model
@pytest.mark.parametrize("n", [1, 2])
def test_few_bodies(name, n):
    model, q, p, bodies = setting(name, n=n)
    rates = model.field(bodies)(ZERO, PhaseState(q, p))
    assert all(torch.isfinite(x).all() and x.shape == q.shape for x in rates)
    if n == 1 and name in MOVABLE:
        assert rates.p.abs().max() < 1e-14, "a body alone in empty space feels no force"
