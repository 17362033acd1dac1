"""A seed is a draw, and draws have the published distributions."""

from __future__ import annotations

import math

import pytest
import torch

from systems import SYSTEMS as LAWS
from systems import Gravity, Springs
from tests.systems.laws.helpers import generator, over_systems, tensors


@over_systems
def test_a_seed_is_a_draw(system):
    first, again = (system.generate(4, 2, 3, seed=5, points=4, method="leapfrog") for _ in range(2))
    other = system.generate(4, 2, 3, seed=6, points=4, method="leapfrog")
    for name in ("train", "val", "test"):
        for a, b in zip(tensors(first.splits[name]), tensors(again.splits[name]), strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes()
        assert not torch.equal(first.splits[name].q, other.splits[name].q)
    draws = [first.train.q[:2], first.val.q[:2], first.test.q[:2], other.train.q[:2]]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])
    assert first.provenance == again.provenance != other.provenance


@over_systems
def test_the_test_split_depends_on_its_own_size_alone(system):
    few, many = (system.generate(n, v, 5, points=3, method="leapfrog") for n, v in ((1, 0), (40, 7)))
    for a, b in zip(tensors(few.test), tensors(many.test), strict=True):
        assert torch.equal(a, b)
    assert few.val is None and (len(many.train), len(many.val), len(many.test)) == (40, 7, 5)


@over_systems
def test_a_draw_ignores_and_leaves_the_global_generator(system):
    torch.manual_seed(0)
    ambient = torch.get_rng_state()
    state, bodies = system.sample(3, generator())
    assert torch.equal(torch.get_rng_state(), ambient)
    torch.manual_seed(1)
    assert torch.equal(system.sample(3, generator())[0].q, state.q)
    assert state.q.dtype == state.p.dtype == bodies.mass.dtype == torch.float64
    assert state.q.shape == state.p.shape == (3, system.n_bodies, system.dim)
    assert bodies.mask.all() and (bodies.mass > 0).all()


@over_systems
def test_generated_data_says_where_it_comes_from(system):
    data = system.generate(2, 0, 0, seed=3, points=4, method="rk4")
    held = data.provenance.as_dict()
    assert held["law"] == system.name and LAWS[system.name] is type(system) and held["units"] == "unit-less"
    assert (held["seed"], held["method"], held["symmetry"]) == (3, "rk4", system.symmetry)
    assert (
        type(system)(held["n_bodies"], held["dim"], **{k: held[k] for k in system.parameters}).parameters
        == system.parameters
    )
    assert data.train.times.diff().sub(held["step"]).abs().max() < 1e-15
    assert torch.equal(data.train.times[0], torch.arange(4, dtype=torch.float64) * (5 / 499))
    state, bodies = system.sample(2, generator(3_000_009))
    assert torch.equal(data.train.q[:, 0], state.q) and torch.equal(data.train.bodies.mass, bodies.mass)
    other = system.generate(2, 0, 0, seed=3, points=4)
    assert other.provenance.settings["method"] == "exact" and torch.equal(other.train.bodies.mass, bodies.mass)


def test_spring_draws_have_the_published_distributions():
    """20,000 draws: each mean within 5 standard errors, σ/√N with N ≥ 120,000 numbers."""
    state, bodies = Springs().sample(20_000, generator())
    mass, k = bodies.mass, bodies.features[..., 0]
    assert mass.min() >= 0.1 and mass.max() < 3.1 and k.min() >= 0 and k.max() < 5
    assert abs(mass.mean() - 1.6) < 5 * 3 / math.sqrt(12 * 120_000)
    assert abs(k.mean() - 2.5) < 5 * 5 / math.sqrt(12 * 120_000)
    for x, sigma in ((state.q, 0.4), (state.p, 0.6)):
        assert abs(x.mean()) < 5 * sigma / math.sqrt(240_000)
        assert abs(x.std() / sigma - 1) < 5 / math.sqrt(2 * 240_000)


@pytest.mark.parametrize("dim", [2, 3])
def test_momenta_are_centred_over_systems_or_over_bodies(dim):
    """Sums of 6 or 50 numbers of size 1 round to 1e-15 each."""
    published, centred = (Springs(6, dim, centred_momenta=c).sample(50, generator())[0].p for c in (False, True))
    assert published.sum(0).abs().max() < 1e-13 < 0.1 < published.sum(1).abs().max()
    assert centred.sum(1).abs().max() < 1e-13 < 0.1 < centred.sum(0).abs().max()


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("warmth", [0.3, 0.8])
def test_gravity_starts_with_the_warmth_that_is_asked_for(dim, warmth):
    law = Gravity(6, dim, warmth=warmth)
    state, bodies = law.sample(200, generator())
    m = bodies.mass[..., None]
    drift = state.p.sum(1, keepdim=True) / m.sum(1, keepdim=True)
    kinetic = ((state.p - m * drift).square() / (2 * m)).sum((-1, -2))
    # Exact but for rounding of a dozen operations.
    torch.testing.assert_close(2 * kinetic, -warmth * law.potential(state.q, bodies), rtol=1e-12, atol=0)
    # 5 standard errors of a standard deviation of 400 or 600 numbers.
    assert abs(drift.std() / 0.1 - 1) < 5 / math.sqrt(2 * 200 * dim)
