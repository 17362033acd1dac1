"""The size of every body's own motion, and batches of windows that carry it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham import HLieConv
from lieham.data import Windows
from lieham.data.windows import WindowBatch, batch_of, joined, own_motion
from lieham.losses import ShootingLoss
from lieham.state import Bodies, Trajectory

STAR, PLANET = 1.0, 1e-8


def orbits(unit: tuple[float, float, float] = (1.0, 1.0, 1.0), steps: int = 12) -> Trajectory:
    """Two trajectories of a planet of mass 1e-8 on a circle about its star, in units of length, mass and time."""
    length, mass, time = unit
    t = 0.1 * torch.arange(steps + 1, dtype=torch.float64)
    at = t + torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    circle = torch.stack([at.cos(), at.sin()], -1)
    around = torch.stack([-at.sin(), at.cos()], -1)
    shares = torch.tensor([-PLANET, STAR], dtype=torch.float64) / (STAR + PLANET)
    q = length * circle[:, :, None] * shares[:, None]
    v = length / time * around[:, :, None] * shares[:, None]
    masses = mass * torch.tensor([STAR, PLANET], dtype=torch.float64).expand(2, 2)
    return Trajectory.from_velocities(time * t, q, v, Bodies.of(masses))


def test_sizes_are_those_of_each_body():
    """A planet moves 1e8 times as far as its star, with the same change of momentum."""
    own = own_motion(orbits())
    torch.testing.assert_close(own.q, torch.tensor([1e-8, 1.0]).double().expand(2, 2) * 2**0.5, rtol=1e-6, atol=0)
    torch.testing.assert_close(own.p, torch.ones(2, 2).double(), rtol=1e-6, atol=0)


def test_resting_and_free_bodies_are_given_one():
    x = orbits()
    for q, p in ((torch.full_like(x.q, 3.0), torch.zeros_like(x.p)), (x.q, x.p[:, :1].expand_as(x.p))):
        still = replace(x, q=torch.stack([x.q[:, :, 0], q[:, :, 1]], 2), p=torch.stack([x.p[:, :, 0], p[:, :, 1]], 2))
        own = own_motion(still)
        assert torch.equal(own.p[:, 1], torch.ones(2).double())
        assert own.p[0, 0] != 1, "the star moves, and is measured beside a body that does not"


def test_padding_is_ignored():
    x = orbits()
    q, p = (torch.cat([y, torch.randn(2, 13, 1, 2, dtype=torch.float64)], 2) for y in x.states())
    mask = torch.tensor([True, True, False]).expand(2, 3)
    mass = torch.cat([x.bodies.mass, torch.ones(2, 1).double()], 1)
    own, want = own_motion(Trajectory.of(x.times, q, p, Bodies.of(mass, mask=mask))), own_motion(x)
    for got, plain in zip(own, want, strict=True):
        torch.testing.assert_close(got[:, :2], plain)
        assert torch.equal(got[:, 2], torch.ones(2).double())


def test_permuted_bodies_have_permuted_sizes():
    x = orbits()
    swapped = Trajectory.of(x.times, x.q.flip(2), x.p.flip(2), Bodies.of(x.bodies.mass.flip(1)))
    for got, want in zip(own_motion(swapped), own_motion(x), strict=True):
        torch.testing.assert_close(got, want.flip(1))


@pytest.mark.parametrize("unit", [(1e3, 1.0, 1.0), (1.0, 1e-6, 1.0), (1.0, 1.0, 1e3), (1e-6, 1e3, 1e-3)])
def test_units_drop_out_of_the_loss(unit):
    """The loss of free flight, body by body, is the same in all units of length, mass and time."""
    values = []
    for x in (orbits(), orbits(unit)):
        windows = Windows(x, 5).all()
        loss = ShootingLoss(1, "rkn4", 1)
        loss.to(torch.float64).calibrate(windows)
        values.append(loss.blocks(without_force(), windows))
    torch.testing.assert_close(values[1], values[0], rtol=1e-9, atol=0)
    assert values[0].max() < 3 * values[0].min(), "planet and star count alike"


def without_force() -> HLieConv:
    model = HLieConv("T(2)", 0, width=8)
    with torch.no_grad():
        for w in model.parameters():
            w.zero_()
    return model


def test_a_batch_keeps_its_sizes_and_origins():
    windows = Windows(orbits(), 5)
    batch = windows.all()
    assert isinstance(batch, WindowBatch)
    index = torch.tensor([3, 11])
    for part in (batch[index], windows[index]):
        assert isinstance(part, WindowBatch)
        assert torch.equal(part.own.q, batch.own.q[index]) and torch.equal(part.origin, batch.origin[index])
    shorter = batch.window(1, 3)
    assert isinstance(shorter, WindowBatch) and torch.equal(shorter.own.p, batch.own.p)
    single = batch.to(dtype=torch.float32)
    assert isinstance(single, WindowBatch) and single.own.q.dtype == single.q.dtype == torch.float32
    assert torch.equal(single.origin, batch.origin)
    both = joined([batch[index], batch])
    assert len(both) == len(batch) + 2 and torch.equal(both.own.q[2:], batch.own.q)
    assert torch.equal(both.origin[2:], batch.origin) and torch.equal(both.q[:2], batch.q[index])


def test_origins_tell_trajectories_and_blocks_of_time_apart():
    batch = Windows(orbits(steps=23), 5).all()
    first, second = batch.origin[:20], batch.origin[20:]
    assert not set(first.tolist()) & set(second.tolist())
    assert len(first.unique()) == 5 and torch.equal(first, first.sort().values)


def test_a_plain_trajectory_becomes_a_batch_of_equal_bodies():
    x = orbits().window(0, 5)
    batch = batch_of(x)
    assert torch.equal(batch.own.q, torch.ones(2, 2).double()) and len(batch.origin.unique()) == 2
    assert batch_of(batch) is batch


def test_weights_divide_sizes():
    batch = Windows(orbits(), 5).all()
    weighed = batch.weighed(torch.full((len(batch), 2), 0.25))
    torch.testing.assert_close(weighed.own.q, 2 * batch.own.q)
    assert torch.equal(weighed.q, batch.q)
