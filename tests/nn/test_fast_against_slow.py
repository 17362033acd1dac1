"""Every optimised path equals the plain one, in values, first and second derivatives."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import PointLift
from lieham.losses import ShootingLoss
from lieham.nn import PairSum, is_pair_sum
from lieham.nn.kernel import evaluated
from lieham.state import Bodies
from systems import Springs
from tests.helpers import straightforward
from tests.helpers.cases import MODELS, SAMPLED, cloud, make_model, randomise
from tests.helpers.networks import padded

SUMS = [name for name in MODELS | SAMPLED if is_pair_sum(make_model(name).potential.network)]
"""Models that are sums over pairs once their bodies are given."""


def derivatives(f, q: torch.Tensor, direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """f, ∂(Σf)/∂q, and its derivative along `direction`."""
    x = q.clone().requires_grad_()
    value = f(x)
    (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    along = (slope * direction).sum()
    if not along.requires_grad:  # f is linear
        return value, slope, torch.zeros_like(x)
    return value, slope, torch.autograd.grad(along, x, create_graph=True)[0]


def test_gated_models_without_a_cutoff_are_sums():
    assert {"T(2) gated", "SE(3) gated", "SE(2) sampled"} <= set(SUMS)
    assert not {"SE(2) deep", "T(2) paper", "SE(2) near"} & set(SUMS)
    with pytest.raises(ValueError, match="single block"):
        PairSum(make_model("SE(2) near").potential.network)


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_a_sum_over_pairs_is_the_network(name, drop):
    """V, its gradient, a product with its Hessian, and what the weights get through each of them."""
    model = make_model(name)
    kernel = model.potential.network.blocks[0].conv.kernel
    if drop:  # every second function of the embedding and the whole hidden layer, as the ridge stage leaves them
        with torch.no_grad():
            kernel.wide.weight[:, ::2] = 0.0
            kernel.mlp[-1].weight.zero_()
    q, bodies = padded(model.group.space_dim)
    direction = cloud(model.group.space_dim, seed=5)[0]

    def weights(found):
        return torch.autograd.grad(sum(x.square().sum() for x in found), list(model.parameters()), allow_unused=True)

    with torch.set_grad_enabled(not drop):
        function, inputs = model.at(bodies)
    plain = derivatives(lambda x: model.potential(x, bodies), q, direction)
    fast = derivatives(lambda x: function(x, *inputs), q, direction)
    for a, b in zip(fast, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11 * b.abs().max().item())
    if not drop:
        for a, b in zip(weights(fast), weights(plain), strict=True):
            if b is not None and bool(b.any()):
                torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * b.abs().max().item())


def test_functions_without_weight_are_left_out():
    model = lieham.HLieConv("SE(2)", 1)
    lieham.fit(model, Springs().benchmark(30, 0, n_test=0))
    bodies = Springs().benchmark(2, 1, n_test=0).train.bodies
    with torch.no_grad():
        few = model.at(bodies)[1][2].shape[-1]
    all_of_them = model.at(bodies)[1][2].shape[-1]
    assert few < 10 < all_of_them


@pytest.mark.parametrize("name", ["SE(2) deep", "T(2) paper", "SE(3) paper"])
def test_kernels_of_all_layers_at_once(name):
    model = make_model(name)
    network = model.potential.network
    q, bodies = padded(model.group.space_dim)
    kernels = [block.conv.kernel for block in network.blocks]

    def together(x):
        return evaluated(kernels, network.lift(x, bodies.mask))

    def apart(x):
        pairs = network.lift(x, bodies.mask)
        return torch.stack([kernel(pairs) for kernel in kernels])

    direction = cloud(model.group.space_dim, seed=5)[0]
    for fast, plain in zip(*(derivatives(f, q, direction) for f in (together, apart)), strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-11, atol=1e-11 * plain.abs().max().item())


def papers(dtype: torch.dtype, width: int = 32, blocks: int = 3) -> lieham.HLieConv:
    """The paper's network at a reduced width, with random weights, small so that its flow is smooth."""
    group = make_group("T(2)")
    shape = {"block": "paper", "width": width, "blocks": blocks, "dtype": dtype}
    return randomise(lieham.HLieConv(group, 1, lift=PointLift(group, bases=0), **shape), scale=0.1)


@pytest.mark.parametrize("convolve", [straightforward.literal, straightforward.gathered])
def test_the_papers_network_equals_the_straightforward_one(convolve):
    model = papers(torch.float64)
    q, bodies = padded(2)
    bodies = Bodies.of(bodies.mass, bodies.features[..., :1], bodies.mask)
    plain = lambda x: straightforward.potential(model.potential, x, bodies, convolve)  # noqa: E731
    fast = lambda x: model.potential(x, bodies)  # noqa: E731
    direction = cloud(2, seed=5)[0]
    for a, b in zip(*(derivatives(f, q, direction) for f in (fast, plain)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11 * b.abs().max().item())


@pytest.mark.parametrize("convolve", [straightforward.literal, straightforward.gathered])
def test_a_training_step_equals_the_straightforward_one(convolve):
    """rk4 in both: loss and gradients in float32 to 1e-5, and in float64 to round-off."""
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-5)):
        model = papers(dtype)
        windows = Springs().benchmark(4, 0, n_test=0).train.to("cpu", dtype)
        fast = ShootingLoss(0, "rk4", 1).to(dtype=dtype)
        fast.calibrate(windows)
        model.calibrate(windows)
        slow = straightforward.loss(model, windows, fast.scale_q, fast.scale_p, convolve)
        weights = list(model.parameters())
        found = [torch.autograd.grad(x, weights, allow_unused=True) for x in (fast(model, windows), slow)]
        for a, b in zip(*found, strict=True):
            if b is not None:
                assert (a - b).norm() <= tolerance * b.norm() + 1e-30


def test_products_in_bfloat16():
    """Adam's steps differ from float32's by bfloat16's round-off, 2^-9, and not by nothing; weights stay float32."""
    data = Springs(4, 2).benchmark(20, 0, n_test=0)
    found = {}
    for products in ("", "bfloat16"):
        model = lieham.HLieConv("SE(2)", 1, width=16, block="paper", dtype=torch.float32)
        history = lieham.fit(model, data, steps=10, refine=0, evaluate_every=10, lr=1e-3, products=products)
        found[products] = history.rows[-1]["loss"]
        assert {x.dtype for x in model.parameters()} == {torch.float32}
    assert 0 < abs(found["bfloat16"] - found[""]) < 0.05 * found[""]
    with pytest.raises(InputError, match="float32"):
        lieham.fit(lieham.HLieConv("SE(2)", 1), data, products="bfloat16")
    with pytest.raises(InputError, match="products"):
        lieham.fit(model, data, products="float8")
