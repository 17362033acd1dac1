"""Fast against slow on clouds: the convolution over neighbours, and how large a tensor becomes."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lieham.data import PointClouds
from lieham.groups import make_group
from lieham.lift import NearPairs, make_lift
from lieham.models import LieConvClassifier
from lieham.neighbors import MonteCarlo, MonteCarloSettings
from lieham.nn import LieConv
from systems.images.pixels import as_clouds
from tests.helpers import straightforward
from tests.nn.near_helpers import normal, seeded

convolutions = pytest.mark.parametrize("convolve", [straightforward.near_literal, straightforward.near_gathered])


def neighbours(most: int, keep: float, grid: bool, mask: torch.Tensor | None = None) -> tuple[LieConv, NearPairs]:
    """A convolution of T(2) and its pairs, of three clouds of 12 points or of one grid."""
    lift = make_lift(None, make_group("T(2)"))
    x = normal(1 if grid else 3, 12, 2)
    mask = torch.ones(x.shape[:-1], dtype=torch.bool) if mask is None else mask
    near = MonteCarlo(lift, 1, MonteCarloSettings(most, fill=0.8, keep=keep)).double()
    near.calibrate(lift, x, mask)
    conv = LieConv(5, 7, lift, kernel_dim=3).double()
    with torch.no_grad():
        for k, weight in enumerate(conv.parameters()):
            weight.copy_(normal(*weight.shape, seed=k))
    return conv, near(lift, x, mask)[0]


@convolutions
@pytest.mark.parametrize("keep", [1.0, 0.4])
@pytest.mark.parametrize("most", [1, 5, 12])
@pytest.mark.parametrize("grid", [True, False])
def test_a_convolution_over_neighbours_equals_the_straightforward_one(grid, most, keep, convolve):
    """Values, and the gradients of values, kernel and weights; of ragged clouds too."""
    mask = None if grid else torch.arange(12) < torch.tensor([12, 7, 1])[:, None]
    conv, pairs = neighbours(most, keep, grid, mask)
    assert pairs.index.ndim == (2 if grid else 3)
    values = normal(3, pairs.index.max() + 1 if grid else pairs.mask.shape[-1], 5, seed=9)
    found = []
    for f in (conv, lambda pairs, v, kernel: convolve(conv, pairs, kernel, v)):
        v, kernel = values.clone().requires_grad_(), conv.kernel(pairs).detach().requires_grad_()
        out = f(pairs, v, kernel)
        given = [v, kernel, conv.linear.weight, conv.bias]
        found.append([out, *torch.autograd.grad((out * out.detach().cos()).sum(), given)])
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12 * plain.abs().max().item())


@pytest.mark.parametrize("grid", [True, False])
def test_with_all_neighbours_it_is_the_dense_convolution_over_n(grid):
    """A point with itself too, as Trivial's dense pairs have it; fewer neighbours are not all of them."""
    lift = make_lift(None, make_group("Trivial(2)"))
    conv = LieConv(5, 7, lift, kernel_dim=3).double()
    x, values = normal(1 if grid else 3, 12, 2), normal(3, 12, 5, seed=9)
    mask = torch.ones(x.shape[:-1], dtype=torch.bool)
    dense = lift(x, mask)
    want = conv(dense, values / 12, conv.kernel(dense))

    def near(most: int) -> torch.Tensor:
        pairs = MonteCarlo(lift, 1, MonteCarloSettings(most)).double()(lift, x, mask)[0]
        return conv(pairs, values, conv.kernel(pairs))

    torch.testing.assert_close(near(50), want, rtol=1e-12, atol=1e-12)
    assert (near(11) - want).abs().max() > 1e-3


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor had that an operation made."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = [x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor)] if not func.is_view else []
        self.numbers = max(self.numbers, *made, 0)
        return out


def largest(size: int, most: int, grid: bool, k: int = 2) -> int:
    """The largest tensor of a training step on `k` images of size² points, their neighbourhoods found anew."""
    x = as_clouds(torch.rand(k, size, size, generator=seeded()), torch.arange(k), size, crop=False)
    model = LieConvClassifier("T(2)", 1, width=16, blocks=2, kernel_dim=4, most=most, keep=0.5 if most else 1.0)
    model.calibrate(x)
    x = x if grid else PointClouds.of(x.points.expand(k, -1, -1) + 0.1, x.features, x.targets)
    if most:
        model.network.neighbors._grid = None
    with Largest() as seen:
        model.loss(x).backward()
    return seen.numbers


@pytest.mark.parametrize("grid", [True, False])
def test_no_tensor_holds_channels_of_all_pairs(grid):
    """Of a cloud of n points n² differences in two directions, from which neighbours are chosen; else no more than
    n · most of the 62 functions that a kernel sees. All pairs have n² of those: the negative control."""
    n, most, clouds = 24**2, 8, 1 if grid else 2
    assert largest(24, most, grid) <= clouds * max(n**2, 62 * n * most)
    assert largest(24, 0, grid) >= clouds * 62 * n**2
