"""Farthest points cover a cloud; a hash is uniform."""

from __future__ import annotations

import itertools

import pytest
import torch

from lieham.groups import make_group
from lieham.neighbors.subsample import JITTER, farthest_first, hashed_uniform
from systems.images.pixels import pixel_grid
from tests.neighbors.helpers import points, seeded


def apart(x: torch.Tensor) -> torch.Tensor:
    return (x.unsqueeze(-2) - x.unsqueeze(-3)).square().sum(-1).sqrt()


def farthest(x: torch.Tensor, count: int, mask: torch.Tensor | None = None) -> torch.Tensor:
    real = torch.ones(x.shape[:-1], dtype=torch.bool) if mask is None else mask
    return farthest_first(apart(x), real, count)


def gap(x: torch.Tensor, kept: torch.Tensor) -> float:
    """The largest distance of a point to the nearest that is kept."""
    return apart(x)[:, kept].min(-1).values.max().item()


def test_farthest_points_cover_twice_as_well_as_the_best_choice_at_worst():
    """Gonzalez's bound, but for the jitter, against all choices of 3 out of 9; random choices are worse."""
    for seed in range(20):
        x = points(9, 2, seed=seed)
        best = min(gap(x, torch.tensor(k)) for k in itertools.combinations(range(9), 3))
        assert gap(x, farthest(x[None], 3)[0]) <= 2 * (1 + 2 * JITTER) * best
    x = points(200, 2)
    random = [gap(x, torch.randperm(200, generator=seeded(k))[:20]) for k in range(20)]
    assert gap(x, farthest(x[None], 20)[0]) < 0.8 * min(random)


def test_farthest_points_are_nested_and_padding_comes_last():
    x = points(3, 12, 2)
    mask = torch.tensor([[True] * 12, [True] * 7 + [False] * 5, [False, True] * 6])
    order = farthest(x, 12, mask)
    assert torch.equal(order.sort().values, torch.arange(12).expand(3, -1)), "each once"
    assert torch.equal(farthest(x, 5, mask), order[:, :5])
    for own, real in zip(order, mask, strict=True):
        assert real[own[: real.sum()]].all() and not real[own[real.sum() :]].any()
    alone = farthest(x[1:2, :7], 7)
    assert torch.equal(order[1, :7], alone[0]), "batch mates and padding change nothing"


@pytest.mark.parametrize("size", [8, 14])
def test_a_turned_grid_keeps_the_same_points(size):
    """A grid is full of ties, which round-off would break one way in one position and another way in the next."""
    x = pixel_grid(size, crop=False, dtype=torch.float64)
    want = farthest(x[None], size**2 // 4)
    for g in make_group("SE(2)").sample(5, generator=seeded()):
        assert torch.equal(farthest((x @ g[:2, :2].mT + g[:2, 2])[None], size**2 // 4), want)


def test_a_hash_is_uniform_and_hangs_on_its_number_alone():
    n = 100_000
    number = torch.arange(n)
    u = hashed_uniform(number, 0)
    assert u.dtype == torch.float64 and u.min() >= 0 and u.max() < 1
    # Of n uniform draws: the mean is off by 1/√(12 n), a correlation by 1/√n; four of them.
    assert abs(u.mean() - 0.5) < 4 / (12 * n) ** 0.5 and abs(u.var() - 1 / 12) < 4 * (1 / 180 / n) ** 0.5
    for other in (
        u.roll(1),
        hashed_uniform(number, 1),
        hashed_uniform(number * 2**31, 0),
        hashed_uniform(n - number, 0),
    ):
        assert abs(torch.corrcoef(torch.stack([u, other]))[0, 1]) < 4 / n**0.5
    counts = torch.histc(u, 100, 0, 1)
    assert ((counts - n / 100).square() / (n / 100)).sum() < 99 + 5 * (2 * 99) ** 0.5, "chi squared"
    assert torch.equal(hashed_uniform(number[:10], 0), u[:10]) and torch.equal(
        hashed_uniform(number, torch.tensor(0)), u
    )
    # The first outputs of SplitMix64 of seed 0: 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4.
    first, second = 0xE220A8397B1DCDAF / 2**64, 0x6E789E6AA1B965F4 / 2**64
    golden = -7046029254386353131
    assert hashed_uniform(torch.zeros(1, dtype=torch.long), 0).item() == pytest.approx(first, abs=2**-52)
    assert hashed_uniform(torch.tensor([golden]), 0).item() == pytest.approx(second, abs=2**-52)
