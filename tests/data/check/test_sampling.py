"""The check measures noise, rounding and sampling, and notes where they limit what can be learned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lieham.data import Dataset, Provenance, check
from lieham.data.check.motion import Motion
from lieham.state import Bodies, Trajectory
from tests.data.check.helpers import changed, frames, moved, of_law, with_


def oscillator(step: float, points: int = 200) -> Dataset:
    """Bodies in a trap of frequency 1, in units in which a period has 2π/step points."""
    return moved(lambda t, q, v, m, c: -q, 1, 2, points=points, step=step)


@pytest.mark.parametrize("points", [6.0, 10.0, 40.0])
def test_the_points_of_an_oscillation(points):
    report = check(oscillator(2 * np.pi / points))
    assert report.figures["train"]["points_per_oscillation"] == pytest.approx(points, rel=0.05)
    assert (report.named("few-points") is not None) == (points < 12)


def test_the_fastest_body_counts():
    data = moved(lambda t, q, v, m, c: -q * np.array([[1.0], [64.0]]), 2, 2, step=0.1)
    assert check(data).figures["train"]["points_per_oscillation"] == pytest.approx(2 * np.pi / 0.8, rel=0.05)


def with_noise(data: Dataset, q: float, p: float) -> Dataset:
    draw = torch.Generator().manual_seed(0)

    def change(x: Trajectory) -> Trajectory:
        a, b = (torch.randn(x.q.shape, generator=draw, dtype=x.q.dtype) for _ in range(2))
        return with_(x, q=x.q + q * a, p=x.p + p * b)

    return changed(data, change)


@pytest.mark.parametrize("size", [1e-2, 1e-4])
def test_the_level_of_noise(size):
    report = check(with_noise(oscillator(0.05), size, 3 * size))
    note = report.named("noise")
    assert note is not None and note.severity == "note" and 'observed="noisy"' in note.sentence
    assert note.figures["q"] == pytest.approx(size, rel=0.2) and note.figures["p"] == pytest.approx(3 * size, rel=0.2)
    assert report.faults == ()


def test_exact_data_have_no_noise():
    for data in (oscillator(0.05), of_law("gravity"), of_law("lennard-jones", points=100)):
        assert check(data).named("noise") is None


def test_a_far_origin_in_float32_is_noted():
    near = changed(of_law("springs", n_bodies=4), lambda x: x.to(dtype=torch.float32))
    far = changed(near, lambda x: with_(x, q=x.q + 1e4))
    assert check(near).named("rounding") is None
    note = check(far).named("rounding")
    assert note is not None and note.severity == "note"


def test_times_that_are_rounded():
    """Times are kept in float64, and those that float32 has rounded are said where they are read."""
    x = of_law("springs", n_bodies=4).train.to(dtype=torch.float32)
    with pytest.warns(UserWarning, match="float32"):
        Trajectory.of((x.times + 1e5).float(), x.q, x.p, x.bodies)
    assert check(Dataset(x)).named("rounded-times") is None


def test_gaps_between_even_times_are_noted():
    kept = torch.tensor([k for k in range(60) if not 30 <= k < 34])
    report = check(changed(of_law("springs", n_bodies=4), lambda x: frames(x, kept)))
    note = report.named("gaps")
    assert note is not None and note.figures["longest"] == pytest.approx(5, rel=1e-3)
    assert report.faults == ()


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 6])
def test_few_points_are_no_trouble(points):
    x = of_law("springs", n_bodies=4).train
    assert check(Dataset(x.window(10, points)), "SE(2)").faults == ()


def test_integrals_over_windows_are_exact_for_cubics():
    """The quadrature itself, on uneven times."""
    draw = torch.Generator().manual_seed(1)
    t = torch.rand(2, 40, generator=draw, dtype=torch.float64).cumsum(-1)
    q = (t**3)[..., None, None].expand(2, 40, 3, 2)
    v = (3 * t**2)[..., None, None].expand(2, 40, 3, 2)
    motion = Motion.of(Trajectory.of(t, q, v, Bodies.of(torch.ones(2, 3, dtype=t.dtype))), Provenance())
    np.testing.assert_allclose(motion.integral(motion.v), motion.change(motion.q), rtol=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e150, 1e-150, 0.0])
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_any_numbers_give_a_report(size, dim):
    """Numbers without a law, of any size and in any dimension, are no error of the check itself."""
    draw = torch.Generator().manual_seed(0)
    q, p = size * torch.randn(2, 4, 40, 3, dim, generator=draw, dtype=torch.float64)
    bodies = Bodies.of(torch.ones(4, 3, dtype=q.dtype), torch.zeros(4, 3, 1, dtype=q.dtype))
    x = Trajectory.of(torch.arange(40, dtype=q.dtype), q, p, bodies)
    for observed in ("exact", "positions"):
        report = check(Dataset(x, provenance=Provenance(observed=observed)), f"T({dim})", quick=observed == "exact")
        assert str(report) and json.dumps(report.as_dict())
