"""The loss by shooting, confirmed by a plain loop over windows, segments and bodies."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import lieham
from lieham.data import Dataset
from lieham.dynamics import Kinetic
from lieham.errors import InputError
from lieham.integrate import make_integrator
from lieham.losses import ShootingLoss
from lieham.models import HLieConv
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import fit
from tests.helpers.refusals import says
from tests.helpers.training import LAW, small_model

pytestmark = pytest.mark.usefixtures("short_chunks")


def irregular(padding: tuple[int, ...] = ()) -> Trajectory:
    """Exact windows of 5 points, each on its own uneven grid, with padded bodies inserted at these places."""
    generator = torch.Generator().manual_seed(3)
    state, bodies = LAW.sample(6, generator)
    widths = 0.005 + 0.02 * torch.rand(6, 5, generator=generator, dtype=torch.float64)
    times = widths.cumsum(-1)
    path = LAW.solve(state, bodies, times)
    real = [k for k in range(3 + len(padding)) if k not in padding]
    q, p = (x.new_zeros(6, 5, 3 + len(padding), 2) for x in path)
    mass, spring = (torch.ones(6, 3 + len(padding), dtype=torch.float64) for _ in range(2))
    mask = torch.zeros(6, 3 + len(padding), dtype=torch.bool)
    q[..., real, :], p[..., real, :], mass[:, real] = path.q, path.p, bodies.mass
    spring[:, real], mask[:, real] = bodies.features[..., 0], True
    return Trajectory.of(times, q, p, Bodies.of(mass, spring[..., None], mask))


def pieces(windows: Trajectory, segment: int):
    """(window, first point, steps) of every segment."""
    k = segment or windows.n_steps
    return [(w, s, k) for w in range(len(windows)) for s in range(0, windows.n_steps, k)]


def slow_scales(windows: Trajectory, segment: int) -> tuple[float, float]:
    squares, count = [0.0, 0.0], 0
    for w, s, k in pieces(windows, segment):
        for body in windows.bodies.mask[w].nonzero().flatten().tolist():
            count += k * windows.dim
            for i, x in enumerate((windows.q, windows.p)):
                squares[i] += sum((x[w, s + j, body] - x[w, s, body]).square().sum().item() for j in range(1, k + 1))
    return math.sqrt(squares[0] / count), math.sqrt(squares[1] / count)


def slow_loss(model: HLieConv, windows: Trajectory, segment: int, method: str, substeps: int) -> float:
    s_q, s_p = slow_scales(windows, segment)
    total, count = 0.0, 0
    for w, s, k in pieces(windows, segment):
        bodies = windows.bodies.map(lambda x, w=w: x[w])
        start, times = PhaseState(windows.q[w, s], windows.p[w, s]), windows.times[w, s : s + k + 1]
        path = make_integrator(method, substeps=substeps).integrate(model.field(bodies), start, times)
        for body in bodies.mask.nonzero().flatten().tolist():
            for j in range(1, k + 1):
                total += ((path.q[j, body] - windows.q[w, s + j, body]) / s_q).square().sum().item()
                total += ((path.p[j, body] - windows.p[w, s + j, body]) / s_p).square().sum().item()
                count += windows.dim
    return total / count


def measured_loss(windows: Trajectory, segment: int, method: str = "rkn4", substeps: int = 1) -> ShootingLoss:
    loss = ShootingLoss(segment, method, substeps).double()
    loss.calibrate(windows)
    return loss


@pytest.mark.parametrize("padding", [(), (1, 4)], ids=["full", "padded"])
@pytest.mark.parametrize("segment", [1, 2, 4, 0])
@pytest.mark.parametrize("method, substeps", [("rkn4", 1), ("leapfrog", 2)])
def test_the_loss_is_that_of_a_plain_loop(segment, method, substeps, padding):
    windows, model = irregular(padding), small_model()
    loss = measured_loss(windows, segment, method, substeps)
    # Both sum about 100 terms of order 1 in float64; the integrations differ by rounding alone.
    assert (loss.scale_q.item(), loss.scale_p.item()) == pytest.approx(slow_scales(windows, segment), rel=1e-12)
    expected = slow_loss(model, windows, segment, method, substeps)
    assert loss(model, windows).item() == pytest.approx(expected, rel=1e-10)


def test_a_full_window_is_one_segment_and_single_steps_are_not():
    windows, model = irregular(), small_model()
    full, four, one = (measured_loss(windows, k)(model, windows).item() for k in (0, 4, 1))
    assert full == four != one


class Frozen(Kinetic):
    """K = 0: nothing moves."""

    linear_velocity = True

    def forward(self, p, bodies):
        return p.new_zeros(p.shape[:-2])

    def velocity(self, p, bodies):
        return torch.zeros_like(p)


@pytest.mark.parametrize("padding", [(), (0, 2)], ids=["full", "padded"])
@pytest.mark.parametrize("segment", [1, 2, 0])
def test_the_loss_of_a_constant_state_is_2(segment, padding):
    windows = irregular(padding)
    still = lieham.SeparableHamiltonian(lambda q, bodies: 0.0 * q.sum((-1, -2)), Frozen())
    # Each of q and p gives its own mean square over itself; rounding of two sums in float64.
    assert measured_loss(windows, segment)(still, windows).item() == pytest.approx(2, rel=1e-12)
    assert measured_loss(windows, segment)(LAW.hamiltonian(), windows).item() < 1e-6


@pytest.mark.parametrize("padding", [(3,), (0, 2), (1, 3, 4)])
def test_padding_changes_neither_units_nor_loss(padding):
    plain, padded, model = irregular(), irregular(padding), small_model()
    a, b = measured_loss(plain, 2), measured_loss(padded, 2)
    torch.testing.assert_close((a.scale_q, a.scale_p), (b.scale_q, b.scale_p), rtol=1e-13, atol=0)
    torch.testing.assert_close(a(model, plain), b(model, padded), rtol=1e-12, atol=0)
    bodies = padded.bodies
    unmasked = replace(padded, bodies=Bodies(bodies.mass, bodies.features, torch.ones_like(bodies.mask)))
    assert abs(b(model, unmasked) / a(model, plain) - 1) > 1e-3, "a mask that is ignored is seen"


@pytest.mark.parametrize("name", ["q", "p"])
def test_what_does_not_move_has_no_unit(name):
    still = getattr(irregular(), name)[:, :1].expand(-1, 5, -1, -1)
    says(
        InputError, lambda: measured_loss(replace(irregular(), **{name: still}), 1),
        f"{name} of the training windows must change in time, got constant values",
    )  # fmt: skip


def test_padded_and_irregular_systems_can_be_learned(full_chunks):
    history = fit(small_model(width=16), Dataset(train=irregular((1,))), steps=60, refine=60, evaluate_every=20)
    assert history.best < 1e-4, "the loss of a constant state is 2; 1e-6 was measured"
