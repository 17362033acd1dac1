"""Noise is read off the data: none off exact ones of any law, and as much as was added off others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch

import lieham
from lieham.data import Dataset
from lieham.data.noise import noise_shares
from lieham.state import Trajectory
from lieham.training import TrainConfig
from lieham.training.tasks.trajectories import TrajectoryTask
from systems import SYSTEMS
from systems.names import LAWS

QUICK = [name for name in LAWS if name != "charged-particles"]
"""Charged particles in a field take seconds to integrate."""
LARGE = {"lennard-jones": 1e-2}
"""Collisions bend these paths within a step so much that less noise of p is not told from them."""


@cache
def exact(name: str, points: int = 25) -> Trajectory:
    return SYSTEMS[name]().generate(4, 0, 0, points=points).train


def noisy(x: Trajectory, share: float, seed: int = 0, parts: str = "qp") -> Trajectory:
    """Normal errors of every component, in units of each body's median change from point to point."""
    generator = torch.Generator().manual_seed(seed)
    changed = {}
    for name in parts:
        y = getattr(x, name)
        typical = y.diff(dim=1).abs().transpose(1, 2).flatten(2).median(-1).values[:, None, :, None]
        changed[name] = y + share * typical * torch.randn(y.shape, generator=generator, dtype=y.dtype)
    return replace(x, **changed)


@pytest.mark.parametrize("name", QUICK)
def test_exact_motion_has_no_noise(name):
    for points in (12, 25):
        assert not any(float(share) for share in noise_shares(exact(name, points)))


@pytest.mark.parametrize("share", [1e-3, 3e-3, 1e-2, 3e-2])
@pytest.mark.parametrize("name", QUICK)
def test_noise_is_found(name, share):
    """The median size of the errors added, within 30 %."""
    if share < LARGE.get(name, 0.0):
        pytest.skip("collisions hide it")
    for seed in range(2):
        for found in noise_shares(noisy(exact(name), share, seed)):
            assert float(found) == pytest.approx(share, rel=0.3)


@pytest.mark.parametrize(("noisy_one", "exact_one"), ["qp", "pq"])
def test_noise_of_q_and_of_p_are_told_apart(noisy_one, exact_one):
    shares = noise_shares(noisy(exact("springs"), 1e-2, parts=noisy_one))._asdict()
    assert shares[noisy_one] > 3e-3 and shares[exact_one] == 0


def test_the_noise_is_a_deviation():
    found = [float(x) for x in noise_shares(noisy(exact("springs", 100), 1e-2))]
    assert sum(found) / 2 == pytest.approx(1e-2, rel=0.15)


def test_units_and_offsets_drop_out():
    x = noisy(exact("springs"), 1e-2)
    want = noise_shares(x)
    other = Trajectory.of(1e3 * x.times + 5.0, 1e6 * x.q, 1e-6 * x.p, x.bodies)
    for a, b in zip(noise_shares(other), want, strict=True):
        torch.testing.assert_close(a, b)
    moved = replace(x, q=x.q + 10.0)
    torch.testing.assert_close(noise_shares(moved).q, want.q, rtol=1e-6, atol=0)


def test_nothing_is_told_of_uneven_times_and_of_short_trajectories():
    x = noisy(exact("springs"), 1e-2)
    uneven = x.times.clone()
    uneven[:, 5] += 0.3 * (x.times[0, 1] - x.times[0, 0])
    assert not any(float(share) for share in noise_shares(replace(x, times=uneven)))
    for points in (2, 6):
        assert not any(float(share) for share in noise_shares(x.window(0, points)))
    assert all(float(share) for share in noise_shares(x.window(0, 9))), "9 even points do tell"


@pytest.mark.parametrize(
    ("share", "settings", "want"),
    [
        (0.0, {}, "exact"),
        (1e-2, {}, "noisy"),
        (1e-4, {}, "exact"),
        (1e-2, {"observed": "exact"}, "exact"),
        (1e-2, {"ridge": False}, "exact"),
        (1e-2, {"window": 2}, "exact"),
        (0.0, {"observed": "noisy"}, "noisy"),
    ],
)
def test_when_initial_states_are_fitted(share, settings, want):
    x = exact("springs")
    data = Dataset(noisy(x, share) if share else x)
    model = lieham.HLieConv("SE(2)", 1, width=8)
    config = TrajectoryTask.configured(TrainConfig(), settings, data, model)
    assert config.observed == want
    assert TrajectoryTask(model, data, config, lambda: None).free is (want == "noisy")
