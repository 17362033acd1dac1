"""Masses follow from the motion, with an error that follows the noise, or are refused."""

from __future__ import annotations

import pytest
import torch

from lieham import infer_masses
from lieham.errors import InputError
from systems import Gravity, Springs
from tests.helpers.less import generator


def motion(law, n=20, points=20, one_set=True):
    """Times, positions, velocities, masses."""
    state, bodies = law.sample(n, generator())
    bodies = bodies.map(lambda x: x[:1].expand_as(x).contiguous()) if one_set else bodies
    times = law.times(points)
    path = law.solve(state, bodies, times)
    return times, path.q, path.p / bodies.mass[:, None, :, None], bodies.mass[0] if one_set else bodies.mass


@pytest.mark.parametrize("law", [Springs(5, 2), Gravity(4, 3)], ids=["springs", "gravity"])
@pytest.mark.parametrize("velocities", [True, False])
@pytest.mark.parametrize("one_set", [True, False])
def test_masses_follow_from_the_motion(law, velocities, one_set):
    """Ratios to 1e-7 (positions of 20 smooth points have a condition of 1e8), mean 1, and the error says so."""
    times, q, v, mass = motion(law, one_set=one_set)
    got = infer_masses(times, q, v if velocities else None, group=law.symmetry, shared=one_set)
    assert got.mass.shape == got.error.shape == mass.shape
    torch.testing.assert_close(got.mass, mass / mass.mean(-1, keepdim=True), rtol=1e-7, atol=0)
    assert got.error.max() < 1e-7


def test_the_error_of_masses_follows_the_noise():
    times, q, v, mass = motion(Springs(5, 2))
    for level in (1e-4, 1e-2):
        seen = v + level * v.std() * torch.randn(v.shape, generator=generator(1), dtype=v.dtype)
        got = infer_masses(times, q, seen, group="SE(2)")
        wrong = (got.mass / (mass / mass.mean()) - 1).abs().max()
        assert got.error.max() / 5 < wrong < 5 * got.error.max()


@pytest.mark.parametrize("case", ["no motions", "free bodies", "another symmetry", "two times", "other dimension"])
def test_masses_that_do_not_follow_are_refused(case):
    times, q, v, _ = motion(Springs(4, 2))
    free = q[:, :1] + times[:, None, None] * v[:, :1]
    field = torch.stack([x * torch.cos(k * times)[:, None] for k, x in enumerate(q[:, :1].unbind(2), 3)], 2)
    changed, says = {
        "no motions": ({"group": "Trivial(2)"}, "group must hold motions that keep lengths"),
        "free bodies": ({"q": free, "v": None}, "masses must follow from the motion"),
        "another symmetry": ({"q": field, "v": None}, "masses must follow from the motion"),
        "two times": ({"times": times[:2], "q": q[:, :2], "v": v[:, :2]}, "times must be at least 3"),
        "other dimension": ({"group": "SE(3)"}, "q must be of shape"),
    }[case]
    given = {"times": times, "q": q, "v": v, "group": "SE(2)"} | changed
    with pytest.raises(InputError, match=says):
        infer_masses(given["times"], given["q"], given["v"], group=given["group"])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("count", [61, 601])
def test_errors_cover_a_small_force_that_the_momenta_do_not_know(count, shared):
    """A field that acts on one body alone; more times of the same motion bring no more knowledge of it."""
    times, q, v = _attracted_pair(count, push=1e-5)
    found = infer_masses(times, q, v, group="T(2)", shared=shared)
    off = (found.mass[..., 1] / found.mass[..., 0] / 0.25 - 1).abs().max()
    assert 1e-9 < off < 3 * found.error.max()


def test_errors_of_exact_motion_stay_at_round_off():
    found = infer_masses(*_attracted_pair(61, push=0.0), group="T(2)")
    assert found.error.max() < 1e-9


def _attracted_pair(count: int, push: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Masses 1 and 1/4 on a spring in closed form; `push` is added as a slow sine to the first one's position."""
    times = torch.linspace(0, 20, count, dtype=torch.float64)
    angle = times + 0.3
    apart = torch.stack([angle.cos(), 0.7 * angle.sin()], -1)
    speed = torch.stack([-angle.sin(), 0.7 * angle.cos()], -1)
    extra = torch.stack([(0.13 * times).sin(), (0.21 * times).cos()], -1)
    rate = torch.stack([0.13 * (0.13 * times).cos(), -0.21 * (0.21 * times).sin()], -1)
    q = torch.stack([-0.2 * apart + push * extra, 0.8 * apart], 1)
    v = torch.stack([-0.2 * speed + push * rate, 0.8 * speed], 1)
    return times, q[None], v[None]
