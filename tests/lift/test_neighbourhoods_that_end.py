"""Neighbourhoods end smoothly, at a radius in the units of the data."""

from __future__ import annotations

import pytest
import torch

from lieham.groups import make_group
from lieham.lift import PointLift
from lieham.models import HLieConv, load_model, save_model
from lieham.state import Bodies
from systems import Springs
from tests.helpers.cases import cloud, randomise
from tests.lift.helpers import ends

ZERO = torch.zeros(())


def test_the_cutoff_falls_from_one_to_nothing_with_two_derivatives():
    x = torch.linspace(0, 9, 1001, dtype=torch.float64)
    w = ends(x, 2.0)
    assert w[0] == 1 and (w.diff() <= 0).all() and (w[x >= 4] == 0).all()
    at = torch.tensor([4 - 1e-9, 4 + 1e-9], dtype=torch.float64)
    f = lambda z: ends(z, 2.0)  # noqa: E731
    for _ in range(3):
        assert torch.vmap(f)(at).abs().max() < 1e-8
        f = torch.func.grad(f)
    # (1 − u)³ has a third derivative that jumps: the claim is C², no more.
    assert torch.vmap(f)(at)[0].abs() > 0.1


# Neighbourhoods


@pytest.mark.parametrize(
    "group, lift, radius",
    [("SE(2)", "coset", 1.0), ("T(2)", "point", 1.0), ("SE(3)", "coset", 2.0)],
)
def test_energy_field_and_hessian_are_continuous_when_a_body_enters_or_leaves(group, lift, radius):
    model = randomise(HLieConv(group, 2, width=8, lift=lift, radius=radius, blocks=2))
    q, _, bodies = cloud(model.group.space_dim, batch=1)
    direction = torch.zeros_like(q)
    direction[:, 0] = q[:, 0] - q[:, 1]
    direction = direction / direction.norm()

    def energy(s):
        at = q.clone()
        at[:, 0] = q[:, 1]
        return model.potential(at + s * direction, bodies)[0]

    for f in (energy, torch.func.grad(energy), torch.func.grad(torch.func.grad(energy))):
        across = [f(torch.tensor(radius + h, dtype=torch.float64)) for h in (-1e-9, 1e-9)]
        inside = [f(torch.tensor(radius + h, dtype=torch.float64)) for h in (-0.3, 0.3)]
        assert (across[0] - across[1]).abs() < 1e-5 * max((inside[0] - inside[1]).abs(), f(ZERO.double()).abs())


def test_beyond_the_radius_nothing_is_felt():
    model = randomise(HLieConv("SE(2)", 2, width=8, radius=1.0))
    q, _, bodies = cloud(2, n=2, batch=1)
    apart = torch.stack([q[:, 0], q[:, 0] + 1.001], 1)
    assert not model.field(bodies).force(ZERO, apart).any()
    near = torch.stack([q[:, 0], q[:, 0] + 0.5], 1)
    assert model.field(bodies).force(ZERO, near).any()


@pytest.mark.parametrize("group", ["SE(2)", "T(2)"])
def test_a_fill_is_measured_once_on_the_training_data_and_stored(group, tmp_path):
    data = Springs(5, 2).generate(6, 0, 0, points=20).train
    model = HLieConv(group, 1, fill=0.3)
    lift = model.potential.network.lift
    assert lift.radius == float("inf")
    model.calibrate(data)
    distance = torch.cdist(data.q, data.q)
    others = ~torch.eye(5, dtype=torch.bool)
    within = (distance < lift.radius * model.potential.length)[..., others].double().mean()
    assert within.item() == pytest.approx(0.3, abs=2e-3)
    before = lift.radius.clone()
    model.calibrate(Springs(3, 2).generate(2, 0, 0, points=5, seed=4).train)
    assert torch.equal(lift.radius, before)
    save_model(model, tmp_path / "m.safetensors")
    assert torch.equal(load_model(tmp_path / "m.safetensors").potential.network.lift.radius, before)


def test_a_radius_is_in_the_units_of_the_data():
    data = Springs(5, 2).generate(6, 0, 0, points=20).train
    model = randomise(HLieConv("SE(2)", 1, width=8, radius=0.7))
    model.calibrate(data)
    assert (model.potential.network.lift.radius * model.potential.length).item() == pytest.approx(0.7, rel=1e-14)
    bodies = Bodies.of(data.bodies.mass[:1, :2], data.bodies.features[:1, :2])
    for distance, felt in ((0.699, True), (0.701, False)):
        q = torch.tensor([[[0.0, 0.0], [distance, 0.0]]], dtype=torch.float64)
        assert bool(model.field(bodies).force(ZERO, q).any()) == felt


# Radial functions


@pytest.mark.parametrize("group", ["SE(2)", "SO(2)", "SO(3)", "T(2)", "SE(2)xTrivial(1)"])
def test_scales_are_measured_for_each_length_in_the_units_of_the_model(group):
    """From half the smallest length to twice the largest; a length that is always 0 keeps its first scales."""
    model = HLieConv(group, 1)
    d = model.group.space_dim
    data = Springs(3, d).generate(1, 0, 0, points=5).train
    model.calibrate(data)
    lift, unit = model.potential.network.lift, model.potential.length
    q = data.q[0] / unit
    lengths = lift.group.pair_lengths(q.unsqueeze(-2), q.unsqueeze(-3)).flatten(0, -2)
    for c, scales in zip(lengths.unbind(-1), lift.scales, strict=True):
        assert scales[0].item() == pytest.approx(c[c > 0].min().sqrt().item() / 2, rel=1e-12)
        assert scales[-1].item() == pytest.approx(2 * c.max().sqrt().item(), rel=1e-12)
        torch.testing.assert_close(scales[1:] / scales[:-1], (scales[1] / scales[0]).expand(len(scales) - 1))


def test_without_bases_a_point_lift_sees_the_pair_coordinates_alone():
    lift = PointLift(make_group("SO(2)"), bases=0)
    q, _, bodies = cloud(2, n=3, batch=1)
    pairs = lift(q, bodies.mask)
    want = lift.group.pair_coordinates(q.unsqueeze(-2), q.unsqueeze(-3))
    assert torch.equal(pairs.coordinates, want) and torch.equal(pairs.embedding, want)
