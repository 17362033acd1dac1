"""Training does not depend on when the data were observed, in either precision of the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import lieham
import systems
from lieham.data import Dataset

DATA = systems.Springs(n_bodies=3, dim=2).generate(10, 4, 4, seed=0, points=12)
LIMIT = {0.0: 1e-9, 1e4: 1e-9, 2451545.0: 1e-9, 1.7e9: 1e-8}
"""Steps of 0.01 at 1.7e9 are known to 2.4e-5 of a step in float64, whose square is 6e-10."""


def later(offset: float) -> Dataset:
    moved = {name: replace(x, times=x.times + offset) for name, x in DATA.splits.items()}
    return Dataset(**moved, provenance=DATA.provenance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("offset", list(LIMIT))
def test_a_model_learns_and_forecasts_alike_at_every_offset(offset, dtype):
    data = later(offset)
    model = lieham.HLieConv("SE(2)", data.n_features, width=16, dtype=dtype)
    assert lieham.fit(model, data, steps=1, refine=1).best < LIMIT[offset]
    rollout = lieham.forecast(model, data.test, steps=11).trajectory
    step = DATA.train.times[0, 1].item()
    spacing = torch.finfo(torch.float64).eps * offset
    assert (rollout.times.diff(dim=1) - step).abs().max() <= 2 * spacing + 1e-15
    assert (rollout.q - data.test.q).abs().max() < 1e-4 + 1e3 * spacing


def test_times_that_were_rounded_do_not_learn():
    """The negative: at this offset float32 keeps steps of 0 and 1/64 of what were 0.01."""
    data = later(1e5)
    coarse = {name: replace(x, times=x.times.float().double() + 1e-6 * x.times) for name, x in data.splits.items()}
    model = lieham.HLieConv("SE(2)", data.n_features, width=8, lift="coset")
    assert lieham.fit(model, Dataset(**coarse), steps=1, refine=1).best > 1e-4


@pytest.mark.parametrize("observed", ["positions", "noisy"])
def test_states_that_are_fitted_see_the_same_times(observed):
    best = []
    for offset in (0.0, 2451545.0):
        few = {name: x[:2].window(0, 8) for name, x in later(offset).splits.items()}
        model = lieham.HLieConv("SE(2)", DATA.n_features, width=4, lift="coset", dtype=torch.float32)
        best.append(lieham.fit(model, Dataset(**few), observed=observed).best)
    assert best[1] < 3 * best[0] + 1e-9
