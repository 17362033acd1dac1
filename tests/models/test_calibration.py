"""Calibration makes the units of the data irrelevant."""

from __future__ import annotations

import pytest
import torch

from lieham.models import HLieConv
from lieham.state import Bodies
from systems import Springs
from tests.helpers.cases import randomise
from tests.helpers.models import ZERO


@pytest.mark.parametrize("group", ["SE(2)", "T(2)", "SO(2)"])
def test_calibration_makes_the_units_of_the_data_irrelevant(group):
    """Lengths × 1000, masses × 20, times × 7: the same weights give the same motion in the new units."""
    data = Springs(4, 2).generate(5, 0, 0, points=20).train
    L, M, T = 1000.0, 20.0, 7.0
    bodies = Bodies.of(M * data.bodies.mass, 0.3 * data.bodies.features)
    other = type(data).of(T * data.times, L * data.q, M * L / T * data.p, bodies)
    forces = []
    for x in (data, other):
        model = randomise(HLieConv(group, 1, width=8))
        model.calibrate(x)
        forces.append(model.field(x.bodies).force(ZERO, x.q[:, 0]))
    torch.testing.assert_close(forces[1], M * L / T**2 * forces[0], rtol=1e-10, atol=1e-9)


def test_calibration_measures_what_it_says_and_only_once():
    data = Springs(3, 2).generate(4, 0, 0, points=10).train
    model = HLieConv("SE(2)", 1)
    model.calibrate(data)
    distances = torch.pdist(data.q.flatten(0, 1)[0]).new_empty(0)
    distances = torch.cat([torch.pdist(x) for x in data.q.flatten(0, 1)])
    assert model.potential.length.item() == pytest.approx(distances.square().mean().sqrt().item(), rel=1e-12)
    force = data.p.diff(dim=1) / 0.1 if data.times[0, 1] == 0.1 else data.p.diff(dim=1) / data.times[0].diff()[0]
    size = force.norm(dim=-1).square().mean().sqrt() * model.potential.length
    assert model.potential.energy.item() == pytest.approx(size.item(), rel=1e-9)
    before = {k: x.clone() for k, x in model.state_dict().items()}
    model.calibrate(Springs(5, 2).generate(4, 0, 0, points=10, seed=5).train)
    assert all(torch.equal(x, before[k]) for k, x in model.state_dict().items())


def test_padding_does_not_enter_the_units():
    data = Springs(3, 2).generate(4, 0, 0, points=10).train
    n, wide = 3, 5
    mask = torch.arange(wide) < n

    def widen(x, axis):
        shape = list(x.shape)
        shape[axis] = wide - n
        return torch.cat([x, torch.full(shape, 9.0, dtype=x.dtype)], axis)

    bodies = Bodies.of(widen(data.bodies.mass, 1), widen(data.bodies.features, 1), mask.expand(4, -1))
    more = type(data).of(data.times, widen(data.q, 2), widen(data.p, 2), bodies)
    units = []
    for x in (data, more):
        model = HLieConv("SE(2)", 1)
        model.calibrate(x)
        units.append([model.potential.length, model.potential.energy, *model.potential.scale])
    torch.testing.assert_close(torch.stack(units[0]), torch.stack(units[1]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("group", ["SE(2)", "SO(2)"])
def test_degenerate_data_gives_units_all_the_same(group):
    """One body, at rest at the origin, without features that vary: every unit is 1, none is 0 or NaN."""
    zero = torch.zeros(1, 5, 1, 2, dtype=torch.float64)
    bodies = Bodies.of(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, dtype=torch.float64))
    data = Springs(1, 2).generate(1, 0, 0, points=5).train
    model = HLieConv(group, 1)
    model.calibrate(type(data).of(data.times, zero, zero, bodies))
    assert model.potential.length == model.potential.energy == 1 and model.potential.scale.eq(1).all()
