"""A noisy pendulum in one dimension: the learned force has no spike, with the settings by default."""

from __future__ import annotations

from functools import cache

import pytest
import torch

import lieham
from lieham.data import Dataset
from lieham.state import Bodies, Trajectory

STRENGTH, STEP = 1.29, 1 / 6
FINE = 40
"""Steps of leapfrog between two points."""


@cache
def swing() -> tuple[torch.Tensor, torch.Tensor]:
    """q and p of 445 points of q̈ = −1.29 sin q from rest at 1.4."""
    h, q, p = STEP / FINE, torch.tensor(1.4, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    path = [(q, p)]
    for _ in range(444):
        p = p - h / 2 * STRENGTH * q.sin()
        for k in range(FINE):
            q = q + h * p
            p = p - (h if k < FINE - 1 else h / 2) * STRENGTH * q.sin()
        path.append((q, p))
    q, p = (torch.stack(y) for y in zip(*path, strict=True))
    return q, p


def worst_force(noise: float, seed: int, **settings) -> float:
    """The largest error of the learned force over |q| ≤ 1.3."""
    generator = torch.Generator().manual_seed(seed)
    q, p = (
        (y + noise * torch.randn(y.shape, generator=generator, dtype=y.dtype))[None, :, None, None] for y in swing()
    )
    times = STEP * torch.arange(445, dtype=torch.float64)
    x = Trajectory.of(times, q, p, Bodies.of(torch.ones(1, 1, dtype=torch.float64)))
    model = lieham.HLieConv("Trivial(1)")
    data = Dataset(x.window(0, 400), x.window(400, 45))
    lieham.fit(model, data, steps=0, refine=0, **settings)
    at = torch.linspace(-1.3, 1.3, 2601, dtype=torch.float64)
    bodies = Bodies.of(torch.ones(len(at), 1, dtype=torch.float64))
    with torch.no_grad():
        found = model.field(bodies).force(torch.zeros(()), at[:, None, None])[:, 0, 0]
    return (found + STRENGTH * at.sin()).abs().max().item()


@pytest.mark.filterwarnings("ignore::lieham.LiehamWarning")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("noise", "gain"), [(0.003, 1), (0.01, 2), (0.03, 2)])
def test_the_force_has_no_spike(noise, gain, seed):
    """Its error is below 3 times the noise σ/(√2 h) of the central difference of p; taken as exact, data give more."""
    by_default = worst_force(noise, seed)
    assert by_default < 3 * noise / 2**0.5 / STEP
    assert worst_force(noise, seed, observed="exact") > gain * by_default


def test_exact_data_need_no_such_care():
    assert worst_force(0.0, 0) < 1e-3
