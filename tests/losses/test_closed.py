"""An outside push is measured, and taken out of errors and of equations alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham import HLieConv
from lieham.data import Windows
from lieham.groups import make_group
from lieham.losses import ShootingLoss
from lieham.losses.closed import moves_all, push, push_direction, without_push
from lieham.regression.dictionary import Columns, distinguishable
from lieham.regression.interpolant import known
from lieham.regression.weak_form import assemble
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import TrainConfig
from systems import Springs
from tests.helpers.cases import trainer_of

A = torch.tensor([3e-3, -1e-3], dtype=torch.float64)


def springs(points: int = 9) -> Trajectory:
    return Springs(3, 2).generate(6, 0, 0, points=points).train


def pushed(x: Trajectory, a: torch.Tensor = A) -> Trajectory:
    """The same motion seen from a frame that the acceleration -a carries along; exact for laws among the bodies."""
    t = (x.times - x.times[:, :1])[..., None, None].double()
    return replace(x, q=x.q + a * t**2 / 2, p=x.p + x.bodies.mass[:, None, :, None] * a * t)


def padded(x: Trajectory) -> Trajectory:
    q, p = (torch.cat([y, torch.full_like(y[:, :, :1], 7.0)], 2) for y in x.states())
    one = x.bodies.mass[:, :1]
    mask = torch.cat([x.bodies.mask, torch.zeros_like(x.bodies.mask[:, :1])], 1)
    features = torch.cat([x.bodies.features, x.bodies.features[:, :1]], 1)
    return Trajectory.of(x.times, q, p, Bodies.of(torch.cat([x.bodies.mass, one], 1), features, mask))


def errors(windows: Trajectory, k: int, seed: int) -> tuple[PhaseState, torch.Tensor, PhaseState]:
    """Random errors of segments of k steps, zero where bodies are padded, with their times and units."""
    loss = ShootingLoss(k, "rkn4", 1).double()
    loss.calibrate(windows)
    times = windows.times.unfold(-1, k + 1, k)
    generator = torch.Generator().manual_seed(seed)
    shape = (len(windows), times.shape[1], k, windows.bodies.mask.shape[1], windows.dim)
    real = windows.bodies.mask[:, None, None, :, None].double()
    q, p = (real * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return PhaseState(q, p), times, loss.scales(windows)


CASES = [(1, False), (4, False), (1, True), (2, True)]


@pytest.mark.parametrize(("k", "padding"), CASES)
def test_the_errors_of_any_acceleration_are_taken_out(k, padding):
    """Errors m a h and a h²/2 of another a for each window, added to others, change nothing that is left."""
    x = springs()
    windows = Windows(padded(x) if padding else x, 5).all()
    error, times, scales = errors(windows, k, 0)
    a = torch.randn(len(windows), 1, 1, 1, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    h = (times[..., 1:] - times[..., :1])[..., None, None]
    real = windows.bodies.mask[:, None, None, :, None]
    by_a = PhaseState(
        real * a * h**2 / 2 / scales.q[:, None],
        real * windows.bodies.mass[:, None, None, :, None] * a * h / scales.p[:, None],
    )
    alone, left = without_push(by_a, windows, times, scales), without_push(error, windows, times, scales)
    both = without_push(PhaseState(error.q + by_a.q, error.p + by_a.p), windows, times, scales)
    for one, plain, together, size in zip(alone, left, both, by_a, strict=True):
        assert one.abs().max() < 1e-12 * max(1.0, size.abs().max())
        torch.testing.assert_close(together, plain, rtol=1e-10, atol=1e-10)
    assert (left.p - error.p).abs().max() > 0.1, "random errors do have such a part"


@pytest.mark.parametrize(("k", "padding"), CASES)
def test_what_is_left_is_a_projection(k, padding):
    """It is left as it is a second time, it is no longer than before, and padded bodies stay at 0."""
    x = springs()
    windows = Windows(padded(x) if padding else x, 5).all()
    error, times, scales = errors(windows, k, 2)
    once = without_push(error, windows, times, scales)
    twice = without_push(once, windows, times, scales)
    lengths = [sum(y.square().sum() for y in z) for z in (error, once)]
    for a, b in zip(once, twice, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert lengths[1] < lengths[0]
    if padding:
        assert not once.q[..., -1, :].any() and not once.p[..., -1, :].any()


def test_errors_without_a_common_part_are_kept():
    """Bodies that err against each other, as by a wrong law among them, lose nothing."""
    windows = Windows(springs(), 5).all()
    error, times, scales = errors(windows, 1, 3)
    u = push_direction(windows, (times[..., 1:] - times[..., :1]), scales)
    opposed = PhaseState(torch.zeros_like(error.q), torch.zeros_like(error.p))
    opposed.p[..., 0, :], opposed.p[..., 1, :] = 1 / u.p[..., 0, :], -1 / u.p[..., 1, :]
    for a, b in zip(without_push(opposed, windows, times, scales), opposed, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * float(opposed.p.abs().max()))


def test_the_push_is_named():
    """Its acceleration comes out in every unit of mass, and nothing is named where there is no push."""
    x = springs(40)
    found = push(pushed(x))
    torch.testing.assert_close(found.acceleration, A, rtol=1e-5, atol=1e-8)
    assert found.disturbs and 0 < found.median <= found.most
    assert "0.003, -0.001" in str(found)
    in_units = push(replace(pushed(x), p=1e6 * pushed(x).p, bodies=replace(x.bodies, mass=1e6 * x.bodies.mass)))
    torch.testing.assert_close(in_units.acceleration, found.acceleration)
    assert in_units.most == pytest.approx(found.most)
    with_padding = push(padded(pushed(x)))
    torch.testing.assert_close(with_padding.acceleration, found.acceleration)
    assert not push(x).disturbs


def test_a_push_that_is_the_motion_is_not_taken_out():
    """Bodies that all fall together: then what moves them is theirs, and not a disturbance."""
    found = push(pushed(springs(40), 1e3 * A))
    assert found.median > 0.1 and not found.disturbs


def test_one_body_is_not_pushed():
    x = springs()
    single = Trajectory.of(x.times, x.q[:, :, :1], x.p[:, :, :1], x.bodies.map(lambda y: y[:, :1]))
    found = push(pushed(single))
    assert found.most == 0 and not found.disturbs and not found.acceleration.any()


@pytest.mark.parametrize(
    ("name", "all_of_them"),
    [("SE(2)", True), ("SE(3)", True), ("T(3)", True), ("T(1)", True)]
    + [(name, False) for name in ("Trivial(1)", "SO(2)", "SO(3)", "SO(2)xT(1)", "SE(2)xTrivial(1)", "Helical(0.7)")],
)
def test_groups_with_all_translations(name, all_of_them):
    assert moves_all(make_group(name)) is all_of_them


def test_no_group_has_no_translations():
    assert not moves_all(None)


@pytest.mark.parametrize(
    ("group", "data", "closed"),
    [
        ("SE(2)", pushed(springs()), True),
        ("T(2)", pushed(springs()), True),
        ("SE(2)", springs(), False),
        ("SO(2)", pushed(springs()), False),
        ("Trivial(2)", pushed(springs()), False),
    ],
)
def test_when_the_loss_is_closed(group, data, closed):
    assert trainer_of(HLieConv(group, 1, width=8), data, None, TrainConfig()).task.loss.closed is closed


def test_the_loss_does_not_see_the_push():
    """The loss of exact data with a push is that without it, but only where the loss is closed."""
    x, model = springs(), HLieConv("SE(2)", 1, width=8)
    plain, moved = (Windows(y, 5).all() for y in (x, pushed(x)))
    loss = ShootingLoss(1, "rkn4", 1).double()
    loss.calibrate(plain)
    moved = replace(moved, own=plain.own)
    loss.closed = True
    with torch.no_grad():
        torch.testing.assert_close(loss(model, moved), loss(model, plain), rtol=1e-8, atol=0)
        loss.closed = False
        assert abs(loss(model, moved) / loss(model, plain) - 1) > 1e-6


def test_closed_equations_are_the_open_ones_projected():
    """Row by row, with u = (m h/s_p, h²/(2 s_q)) over all bodies of a step and an axis, and a plain loop."""
    windows, model = Windows(pushed(springs()), 5).all()[torch.arange(0, 30, 7)], HLieConv("SE(2)", 1, width=8)
    loss = ShootingLoss(1, "rkn4", 1).double()
    loss.calibrate(windows)
    dictionary = model.dictionary()
    path = (Columns(torch.arange(dictionary.functions), distinguishable(dictionary, windows)), known(model, windows))
    rows = {}
    for closed in (False, True):
        loss.closed = closed
        with torch.no_grad():
            found = assemble(model, dictionary, windows, loss, path)
        rows[closed] = torch.cat([found.A * found.scale, found.y[..., None]], -1)
    b, n, (steps, d) = len(windows), 3, (4, 2)
    by_step = rows[False].unflatten(1, (n, 2, steps, d)).clone()
    s = loss.scales(windows)
    for w in range(b):
        for k in range(steps):
            h = windows.times[w, k + 1] - windows.times[w, k]
            u = torch.stack([windows.bodies.mass[w] * h / s.p[w, 0, :, 0], h**2 / 2 / s.q[w, 0, :, 0]], 1).flatten()
            u = u / u.norm()
            for axis in range(d):
                y = by_step[w, :, :, k, axis].flatten(0, 1)
                by_step[w, :, :, k, axis] = (y - u[:, None] * (u @ y)).view(n, 2, -1)
    want = by_step.flatten(1, 4)
    torch.testing.assert_close(rows[True], want, rtol=1e-8, atol=1e-9)
    assert (rows[False] - want).abs().max() > 1e-4


@pytest.mark.parametrize("spoil", ["noise", "float32"])
def test_noise_and_round_off_of_momenta_are_no_push(spoil):
    """The total momentum of what is closed then goes to and fro; the same data with a push have one."""
    x = Springs(3).generate(4, 0, 0, points=40).train
    t = x.times[..., None, None]
    mass = x.bodies.mass[:, None, :, None]
    push_it = torch.tensor([0.5, 0.0], dtype=torch.float64)
    pushed = replace(x, q=x.q + push_it * t.square() / 2, p=x.p + mass * push_it * t)

    def spoiled(y):
        if spoil == "float32":
            return y.to(dtype=torch.float32)
        return replace(y, p=y.p + 1e-3 * torch.randn(y.p.shape, generator=torch.Generator().manual_seed(0)).double())

    assert not push(spoiled(x)).disturbs
    found = push(spoiled(pushed))
    assert found.most > 1e-3 and found.acceleration[0].item() == pytest.approx(0.5, rel=1e-2)
