"""Windows are slices, drawn evenly; a description counts and measures."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import pytest
import torch

from lieham.data import Dataset, Provenance, Windows, describe, load, save
from lieham.errors import InputError
from lieham.state import Bodies, Trajectory
from tests.data.helpers import assert_same, make, says

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


# Windows


@pytest.mark.parametrize("length", [2, 5, 6])
def test_every_window_is_a_slice(length):
    x = make(4, 6, padded=True)
    windows = Windows(x, length)
    starts = 6 - length + 1
    assert len(windows) == 4 * starts
    every = windows.all()
    for i in range(len(windows)):
        assert_same(every[i], x[i // starts].window(i % starts, length))


def test_windows_keep_each_trajectory_s_own_times():
    x = make(3, 6)
    x = replace(x, times=x.times * torch.arange(1.0, 4)[:, None] + torch.arange(3)[:, None])
    every = Windows(x, 5).all()
    assert torch.equal(every.times, torch.stack([x.times[i, s : s + 5] for i in range(3) for s in range(2)]))


def test_a_draw_depends_on_the_generator_alone():
    windows = Windows(make(4, 50), 5)
    generator = torch.Generator().manual_seed(3)
    windows.sample(7, generator)
    state = generator.get_state()
    first = windows.sample(7, generator)
    torch.manual_seed(99)
    generator.set_state(state)
    assert_same(windows.sample(7, generator), first)
    assert not torch.equal(windows.sample(7, generator).q, first.q)
    ambient = torch.get_rng_state()
    windows.sample(7, generator)
    assert torch.equal(torch.get_rng_state(), ambient)


def test_a_draw_covers_all_windows_evenly():
    """χ² of 20,000 draws over 100 windows has mean 99 and deviation 14; five deviations are 170."""
    x = make(10, 14, n=1, d=1)
    x = replace(x, q=torch.arange(140.0, dtype=torch.float64).reshape(10, 14, 1, 1))
    windows = Windows(x, 5)
    first = windows.sample(20_000, torch.Generator().manual_seed(0)).q[:, 0, 0, 0].long()
    counts = torch.bincount(first // 14 * 10 + first % 14, minlength=100)
    assert len(windows) == len(counts) == 100
    chi2 = ((counts - 200.0).square() / 200).sum()
    assert 40 < chi2 < 170


@pytest.mark.parametrize("length", [-1, 0, 1, 7, 100])
def test_windows_longer_than_the_trajectories_are_refused(length):
    says(InputError, lambda: Windows(make(), length), "window must be between 2 and the 6 points", f"got {length}")


def test_windows_of_a_single_trajectory_are_refused():
    one = make()[0]
    says(InputError, lambda: Windows(one, 2), "q must be of shape (trajectories, time, n, d)", "got (6, 3, 2)")


# Descriptions


def test_a_description_counts_and_measures(tmp_path):
    x = make(4, 6, padded=True)
    x = replace(x, times=torch.tensor([0, 1, 3, 4, 5, 6.0], dtype=torch.float64).expand(4, 6))
    data = load(save(Dataset(x, provenance=Provenance(law="springs")), tmp_path / "data.h5"))
    description = json.loads(json.dumps(describe(data).as_dict()))
    assert description["provenance"] == {"law": "springs"} and list(description["splits"]) == ["train"]
    got, real = description["splits"]["train"], x.bodies.mask
    assert (got["trajectories"], got["points"], got["bodies"], got["dim"], got["features"]) == (4, 6, 3, 2, 1)
    assert got["padded"] == pytest.approx(1 / 12, rel=1e-12)  # one body in 12; a mean of twelve rounds
    assert (got["dtype"], got["times"], got["step"]) == ("float64", [0, 6], [1, 2])
    held = {"q": x.q.transpose(1, 2)[real], "p": x.p.transpose(1, 2)[real]}
    held |= {"mass": x.bodies.mass[real], "features": x.bodies.features[real]}
    assert got["range"] == {name: [y.min().item(), y.max().item()] for name, y in held.items()}
    total = [sum(p[i] for i in range(3) if m[i]).norm().item() for p, m in zip(x.p[:, 0], real, strict=True)]
    # Sums of three numbers in another order.
    assert got["total_momentum"] == pytest.approx([min(total), max(total)], rel=1e-14)
    text = str(describe(data))
    assert "train: 4 trajectories of 6 points, 3 bodies in 2-D" in text
    assert "float64, 1 features, 8 % padded" in text
    words = [" ".join(line.split()) for line in text.splitlines()]
    low, high = got["range"]["mass"]
    assert {"law springs", "times 0 to 6", "step 1 to 2", f"mass {low:.6g} to {high:.6g}"} <= set(words)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_description_is_drawn(tmp_path, d):
    data = Dataset(make(d=d, padded=True), test=make(time=1, d=d, seed=5))
    path = describe(data).plot(tmp_path / "plots" / "data.png")
    assert path.read_bytes().startswith(b"\x89PNG") and os.listdir(path.parent) == ["data.png"]


def test_a_description_needs_neither_steps_nor_features(tmp_path):
    data = Dataset(make(4, 1, c=0), test=make(2, 6, c=0))
    description = describe(data)
    assert description.splits["train"]["step"] is None and "features" not in description.splits["train"]["range"]
    assert str(description).count("step ") == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_figures_of_units_of_any_size_are_finite(dtype):
    """SI units: momenta of 1e29 and 1e25 kg m/s, whose squares no float32 holds, and times of Julian days."""
    draw = torch.Generator().manual_seed(0)
    times = 2451545 + 0.25 * torch.arange(8, dtype=torch.float64)
    q, v = (scale * torch.randn(2, 8, 2, 3, generator=draw).to(dtype) for scale in (1e11, 3e4))
    bodies = Bodies.of(torch.tensor([6e24, 2e30]).expand(2, 2).to(dtype))
    x = Trajectory.from_velocities(times, q, v, bodies)
    (found,) = describe(Dataset(x)).splits.values()
    wide = x.to(dtype=torch.float64)
    total = wide.p[:, 0].sum(-2).norm(dim=-1)
    assert found["total_momentum"] == pytest.approx([total.min().item(), total.max().item()], rel=1e-12)
    assert 1e33 < found["total_momentum"][0] < 1e36 and found["dtype"] == str(dtype).removeprefix("torch.")
    assert all(math.isfinite(y) for pair in (*found["range"].values(), found["step"]) for y in pair)
    text = str(describe(Dataset(x)))
    assert "inf" not in text and "nan" not in text
    assert "2451545 to 2451546.75" in text, "and no 2.45154e+06"
