"""Tensors of points: their harmonics, products, layers and convolution turn with the points."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import make_lift
from lieham.neighbors import GivenPairs, complete_list
from lieham.nn import LieResNet, NetworkSettings, TensorResNet
from lieham.nn.harmonics import couplings, harmonics, quadrature, sizes
from lieham.nn.tensor_conv import TensorConv, directions
from lieham.nn.tensor_layers import TensorNorm, TensorProduct, activated
from tests.helpers.cases import randomise
from tests.nn.near_helpers import normal, seeded

in_both = pytest.mark.parametrize("dim", [2, 3])


def turned(g: torch.Tensor, x: list[torch.Tensor]) -> list[torch.Tensor]:
    """Tensors of every order as a turn g of space moves them, from the harmonics of turned vectors."""
    dim, order = len(g), len(x) - 1
    u = normal(50, dim, seed=9)
    u = u / u.norm(dim=-1, keepdim=True)
    before, after = (harmonics(v, order).split(sizes(dim, order), -1) for v in (u, u @ g.mT))
    matrices = [torch.linalg.lstsq(a, b).solution.mT for a, b in zip(before, after, strict=True)]
    return [torch.einsum("xy,y...->x...", m, part) for m, part in zip(matrices, x, strict=True)]


def a_turn(dim: int) -> torch.Tensor:
    return make_group(f"SO({dim})").sample(1, generator=seeded(3))[0][:dim, :dim]


def tensors(dim: int, channels: tuple[int, ...], n: int = 5, seed: int = 0) -> list[torch.Tensor]:
    places = sizes(dim, len(channels) - 1)
    return [normal(a, n, c, seed=seed + a) for a, c in zip(places, channels, strict=True)]


def close(got: list[torch.Tensor], want: list[torch.Tensor]) -> None:
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def far(got: list[torch.Tensor], want: list[torch.Tensor]) -> bool:
    return any((a - b).abs().max() > 1e-2 for a, b in zip(got, want, strict=True))


@in_both
def test_harmonics_are_orthonormal(dim):
    points, weight = quadrature(dim, 4)
    y = harmonics(points, 2)
    torch.testing.assert_close(weight.sum(), torch.ones((), dtype=torch.float64))
    torch.testing.assert_close(y.mT @ (weight[:, None] * y), torch.eye(y.shape[1], dtype=torch.float64))


@in_both
def test_a_harmonic_grows_as_a_power(dim):
    u = normal(7, dim)
    powers = torch.cat([torch.full((a,), 3.0**k) for k, a in enumerate(sizes(dim, 2))])
    torch.testing.assert_close(harmonics(3 * u, 2), powers * harmonics(u, 2), rtol=1e-12, atol=1e-12)


def test_all_products_that_are_tensors_are_there():
    """In the plane e^{ikθ} z_l has order k + l or k − l, with a complex weight; in space they are counted."""
    plane, space = couplings(2, 4, 2), couplings(3, 2, 2)
    assert {key: len(x) for key, x in plane.items()} == {
        (a, k, b): 1 if a == k == b == 0 else 2
        for a, k, b in product(range(3), range(5), range(3))
        if k in (a + b, abs(a - b))
    }
    even = ((0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 0, 1), (1, 1, 0), (1, 1, 2), (1, 2, 1))
    even = (*even, (2, 0, 2), (2, 1, 1), (2, 2, 0), (2, 2, 2))
    assert {key: len(x) for key, x in space.items()} == dict.fromkeys(even, 1)
    for products in (*plane.values(), *space.values()):
        overlap = products.flatten(1) @ products.flatten(1).mT / products.shape[-1]
        torch.testing.assert_close(overlap, torch.eye(len(products), dtype=torch.float64))


@in_both
def test_layers_turn_with_the_points(dim):
    g, x, y = a_turn(dim), tensors(dim, (4, 2, 2)), tensors(dim, (4, 2, 2), seed=20)
    times, norm = TensorProduct(dim, 2, 2), TensorNorm((4, 2, 2)).double()
    mask = torch.ones(5, dtype=torch.bool)
    close(times(turned(g, x), turned(g, y)), turned(g, times(x, y)))
    close(activated(turned(g, x)), turned(g, activated(x)))
    close(norm(turned(g, x), mask), turned(g, norm(x, mask)))
    assert far([part.tanh() for part in turned(g, x)], turned(g, [part.tanh() for part in x])), "negative control"


@in_both
def test_a_product_is_that_of_functions(dim):
    """Of order 1 and 1, projected on order 2 and below, nothing is lost."""
    x, y = (tensors(dim, (2, 2, 2), seed=seed) for seed in (0, 20))
    x, y = ([*z[:2], torch.zeros_like(z[2])] for z in (x, y))
    points, _ = quadrature(dim, 5)
    f, g, both = (
        torch.tensordot(harmonics(points, 2), torch.cat(z), 1) for z in (x, y, TensorProduct(dim, 2, 2)(x, y))
    )
    torch.testing.assert_close(both, f * g)


@in_both
def test_a_convolution_turns_with_the_points(dim):
    g, lift = a_turn(dim), make_lift("tensor", make_group(f"SE({dim})"))
    conv = randomise(TensorConv((4, 2, 2), (6, 3, 3), lift, kernel_dim=3).double())
    points, mask, x = normal(5, dim), torch.ones(5, dtype=torch.bool), tensors(dim, (4, 2, 2))

    def of(points, x):
        pairs = lift(points, mask)
        return conv(pairs, x, conv.kernel(pairs), directions(pairs, conv.seen))

    want = of(points, x)
    close(of(points @ g.mT, turned(g, x)), turned(g, want))
    assert far(of(points @ g.mT, x), turned(g, want)), "tensors that stay behind: the negative control"
    assert far(of(points * torch.arange(1, dim + 1), x), want), "it sees the points"


@pytest.mark.parametrize("group, handed", [("SE(2)", True), ("E(2)", False), ("SE(3)", False), ("E(3)", False)])
@torch.no_grad()
def test_mirror_images_are_told_apart_by_se2_alone(group, handed):
    """Of the products of tensors in the plane those with real coefficients are left, which mirror with the points."""
    lift, dim = make_lift("tensor", make_group(group)), int(group[-2])
    network = randomise(TensorResNet(lift, 2, 1, NetworkSettings(16, 2)).double()).eval()
    points, features, mask = normal(3, 6, dim), normal(3, 6, 2, seed=1), torch.ones(3, 6, dtype=torch.bool)
    value, image = (
        network(points, features, mask),
        network(points * torch.tensor([-1.0] + [1.0] * (dim - 1)), features, mask),
    )
    change = (image - value).abs().max() / value.std()
    assert change > 1e-2 if handed else change < 1e-11
    assert sum(x.numel() for x in network.parameters()) > 100 and value.std() > 1e-3


def test_in_the_plane_a_convolution_multiplies_by_phases():
    """Order 1 from order 1 by harmonics of order 0 and 2: Σ_j R (a z_j + b e^{2iθ} z̄_j), with complex a and b."""
    lift = make_lift("tensor", make_group("SE(2)"))
    conv = randomise(TensorConv((1, 1), (1, 1), lift, kernel_dim=1).double())
    points, mask, x = normal(4, 2), torch.ones(4, dtype=torch.bool), tensors(2, (1, 1), n=4)
    x = [torch.zeros_like(x[0]), x[1]]
    pairs = lift(points, mask)
    radial, angular = conv.kernel(pairs), directions(pairs, 2)
    got = conv(pairs, x, radial, angular)[1]
    u, z = torch.view_as_complex(points - points[:, None]), torch.complex(*x[1])[:, 0]
    y2 = torch.complex(angular[..., 3], angular[..., 4])
    torch.testing.assert_close(y2.angle().cos(), (u * u / (u * u).abs().clamp(min=1e-9) + torch.eye(4)).angle().cos())
    weight = radial[..., 0] * (1 - torch.eye(4))
    one, other = weight.to(z.dtype) @ z, (weight * y2) @ z.conj()
    basis = torch.stack([one, 1j * one, other, 1j * other], -1)
    basis = torch.cat([basis.real, basis.imag])
    wanted = torch.cat([*got])[:, 0]
    found = torch.linalg.lstsq(basis, wanted[:, None]).solution
    torch.testing.assert_close(basis @ found, wanted[:, None], rtol=1e-10, atol=1e-11)


def test_a_norm_ignores_padding_and_remembers():
    norm, x = TensorNorm((4, 2, 2)).double(), tensors(3, (4, 2, 2), n=6)
    mask = torch.arange(6) < 4
    padded, alone = norm(x, mask), TensorNorm((4, 2, 2)).double()([part[:, :4] for part in x], mask[:4])
    close([part[:, :4] for part in padded], alone)
    for part in alone[1:]:
        torch.testing.assert_close(part.square().mean((0, 1)), torch.ones(2, dtype=torch.float64), rtol=1e-4, atol=0)
    before = norm.square.clone()
    assert not torch.equal(before, torch.ones_like(before))
    norm.eval()(x, mask)
    assert torch.equal(norm.square, before)


@pytest.mark.parametrize("norm", [True, False])
def test_a_list_of_all_pairs_is_all_pairs(norm):
    lift = make_lift("tensor", make_group("SE(3)"))
    points, features, mask = normal(3, 6, 3), normal(3, 6, 2, seed=1), torch.arange(6) < torch.tensor([[6], [4], [5]])
    settings = NetworkSettings(16, 2, norm=norm)
    dense, listed = (
        randomise(TensorResNet(lift, 2, 1, settings, neighbors).double()).eval()
        for neighbors in (None, GivenPairs(complete_list(6), 2))
    )
    want = dense(points, features, mask)
    torch.testing.assert_close(listed(points, features, mask), want, rtol=1e-10, atol=1e-11)
    assert want.std() > 1e-3


def test_every_weight_is_learned():
    """None is unused: each has a gradient that is not 0."""
    network = randomise(TensorResNet(make_lift("tensor", make_group("SE(2)")), 1, settings=NetworkSettings(16, 2)))
    points = normal(4, 6, 2).float()
    network(points, torch.ones(4, 6, 1), torch.ones(4, 6, dtype=torch.bool)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.abs().max() > 0, name


def test_each_network_names_the_lift_that_it_takes():
    tensor, coset = (make_lift(name, make_group("SE(2)")) for name in ("tensor", "coset"))
    with pytest.raises(InputError, match="lift must be tensor in a TensorResNet, got coset: take a LieResNet"):
        TensorResNet(coset, 1)
    with pytest.raises(InputError, match=r"lift must be coset for E\(4\), got tensor: a TensorResNet is for d = 2"):
        TensorResNet(make_lift("tensor", make_group("E(4)")), 1)
    with pytest.raises(InputError, match="lift must have pairs of invariants in a LieResNet, got tensor"):
        LieResNet(tensor, 1)
    pairs = coset(normal(3, 2), torch.ones(3, dtype=torch.bool))
    with pytest.raises(InputError, match="lift must be tensor for directions of pairs"):
        directions(pairs, 2)
