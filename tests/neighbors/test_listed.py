"""Laws of lists of pairs: over a complete list, or one of all near pairs, a network is the one over all pairs."""

from __future__ import annotations

import copy

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import CosetLift, PairList, PointLift, SampledLift, make_lift
from lieham.models import HLieConv
from lieham.neighbors import AllPairs, GivenPairs, complete_list, within_radius
from lieham.neighbors.within_radius import ROWS
from lieham.nn import LieResNet, NetworkSettings, PairSum
from tests.helpers.cases import cloud, randomise

LISTED = {
    "point": lambda **s: PointLift(make_group("T(2)"), **s),
    "point, own": lambda **s: PointLift(make_group("SO(2)xT(1)"), own=True, **s),
    "coset": lambda **s: CosetLift(make_group("SE(2)"), **s),
    "coset of SO(3)": lambda **s: CosetLift(make_group("SO(3)"), **s),
    "coset, own": lambda **s: CosetLift(make_group("SE(3)"), own=True, **s),
    "sampled": lambda **s: SampledLift(make_group("SE(3)"), samples=3, **s),
}
listed_lifts = pytest.mark.parametrize("kind", LISTED)


def network_of(lift, blocks: int = 2) -> LieResNet:
    return randomise(LieResNet(lift, 2, settings=NetworkSettings(8, blocks, kernel_dim=3)).double())


def over(network: LieResNet, listed: PairList) -> LieResNet:
    """The same network on a list of pairs."""
    other = copy.deepcopy(network)
    other.neighbors = GivenPairs(listed, len(network.blocks))
    return other


def padded(dim: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Positions, features and mask of ragged clouds, two of whose points coincide."""
    q, _, bodies = cloud(dim, n=6)
    q[0, 1] = q[0, 0]
    return q, bodies.features, torch.arange(6) < torch.tensor([6, 4, 5])[:, None]


def derivatives(network: LieResNet, q, features, mask) -> list[torch.Tensor]:
    """Outputs, their slopes by positions, features and weights, and a product with the Hessian."""
    x, f = q.clone().requires_grad_(), features.clone().requires_grad_()
    out = network(x, f, mask)
    slopes = torch.autograd.grad(out.sum(), [x, f, *network.parameters()], create_graph=True, allow_unused=True)
    along = (slopes[0] * cloud(q.shape[-1], n=6, seed=5)[0]).sum()
    return [out, *(y for y in slopes if y is not None), torch.autograd.grad(along, x)[0]]


def differs(found: list[torch.Tensor], want: list[torch.Tensor]) -> float:
    """The largest difference, relative to the largest entry of its tensor."""
    return max(
        (a - b).abs().max().item() / b.abs().max().clamp(min=1e-9).item() for a, b in zip(found, want, strict=True)
    )


@listed_lifts
def test_the_complete_list_is_all_pairs(kind):
    """In values, slopes and curvatures, with padding and with points at one place; in another order too."""
    lift = LISTED[kind]()
    network, given = network_of(lift), padded(lift.group.space_dim)
    want = derivatives(network, *given)
    whole = complete_list(6)
    assert differs(derivatives(over(network, whole), *given), want) < 1e-12
    order = torch.randperm(36, generator=torch.Generator().manual_seed(1))
    mixed = PairList(whole.targets[order], whole.sources[order], 6)
    assert differs(derivatives(over(network, mixed), *given), want) < 1e-12
    assert differs(derivatives(over(network, within_radius(given[0], 1e3, given[2])), *given), want) < 1e-12
    fewer = PairList(whole.targets[2:], whole.sources[2:], 6)
    assert differs(derivatives(over(network, fewer), *given), want) > 1e-4, "the pair (0, 1) is missing"


@pytest.mark.parametrize("kind", ["point", "coset", "coset, own", "sampled"])
def test_a_list_within_the_radius_is_all_that_a_cutoff_leaves(kind):
    lift = LISTED[kind](radius=1.3)
    network, (q, features, mask) = network_of(lift), padded(lift.group.space_dim)
    want, near = derivatives(network, q, features, mask), within_radius(q, 1.3, mask)
    assert len(near) < 36, "some pairs are not listed"
    assert differs(derivatives(over(network, near), q, features, mask), want) < 1e-12
    short = within_radius(q, 0.6, mask)
    assert differs(derivatives(over(network, short), q, features, mask), want) > 1e-4, "near pairs are missing"


def test_a_list_holds_the_pairs_that_are_near_in_some_cloud():
    x = torch.randn(3, 2, 40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.rand(3, 2, 40, generator=torch.Generator().manual_seed(1)) < 0.8
    found = within_radius(x, 0.5, mask)
    near = (torch.cdist(x, x) <= 0.5) & mask[..., :, None] & mask[..., None, :]
    want = {(i, j) for i, j in near.flatten(0, 1).any(0).nonzero().tolist()}
    assert set(zip(found.targets.tolist(), found.sources.tolist(), strict=True)) == want and len(found) == len(want)
    alone = within_radius(x[0, 0], 0.5, mask[0, 0])
    assert 0 < len(alone) < len(found) and alone.points == 40
    many = torch.rand(ROWS + 10, 1, generator=torch.Generator().manual_seed(2))
    assert len(within_radius(many, 0.1)) == ((many - many.mT).abs() <= 0.1).sum(), (
        "more points than are compared at a time"
    )


@pytest.mark.parametrize("blocks", [1, 2])
def test_an_empty_list_leaves_the_bodies_alone(blocks):
    """Without pairs no position matters, and slopes are 0, not NaN."""
    none = PairList(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long), 6)
    network, (q, features, mask) = over(network_of(LISTED["coset"](), blocks), none), padded(2)
    x = q.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x, features, mask).sum(), x)
    assert not slope.any()
    assert torch.equal(network(q, features, mask), network(3 * q + 1, features, mask))


@pytest.mark.parametrize("kind", ["point", "coset", "sampled"])
@pytest.mark.parametrize("drop", [False, True])
def test_a_sum_over_listed_pairs_is_the_network(kind, drop):
    lift = LISTED[kind]()
    network, (q, features, mask) = network_of(lift, blocks=1), padded(lift.group.space_dim)
    network = over(network, within_radius(q, 1.0, mask))
    if drop:
        with torch.no_grad():
            network.kernel.wide.weight[:, ::2] = 0.0
            network.kernel.last.weight.zero_()
    total = PairSum(network, drop)
    C, constant = total.coefficients(features, mask)
    assert C.shape[-2] == len(network.neighbors(lift, q, mask)[0].listed)
    for points in (q, 2 * q + 0.3):
        found = total(points, torch.ones((), dtype=q.dtype), mask, C, constant)
        torch.testing.assert_close(found, network(points, features, mask)[..., 0], rtol=1e-12, atol=1e-12)


def test_a_model_feels_the_listed_pairs_alone():
    """The force of a model with a radius is that over the list of near pairs; a body that is not listed feels none."""
    model = randomise(HLieConv("SE(2)", 2, width=8, radius=1.3))
    q, _, bodies = cloud(2, n=6)
    want = model.field(bodies).force(torch.zeros(()), q)
    network, near = model.potential.network, within_radius(q, 1.3)
    network.neighbors = GivenPairs(near, 1)
    torch.testing.assert_close(model.field(bodies).force(torch.zeros(()), q), want, rtol=1e-12, atol=1e-12)
    others = (near.targets != 0) & (near.sources != 0)
    network.neighbors.listed = PairList(near.targets[others], near.sources[others], 6)
    force = model.field(bodies).force(torch.zeros(()), q)
    assert not force[:, 0].any() and want[:, 0].any()


def test_a_bad_list_is_named():
    index, x, mask = torch.arange(3), torch.randn(3, 2), torch.ones(3, dtype=torch.bool)
    lift = make_lift(None, make_group("SE(2)"))
    for make, message in (
        (lambda: PairList(index, index[:2], 3), r"targets and sources must be of one shape \(e,\)"),
        (lambda: PairList(index, index, 2), "targets must be in 0 to 1, the points of a cloud, got 0 to 2"),
        (lambda: PairList(index, index - 1, 3), "sources must be in 0 to 2, the points of a cloud, got -1 to 1"),
        (lambda: lift(x, mask, complete_list(4)), "listed must be a list for 3 points like the cloud, got one for 4"),
        (lambda: within_radius(x, 0.0), "radius must be positive, got 0.0"),
        (lambda: LieResNet(lift, 1, neighbors=AllPairs(2)), "neighbors must be for 1 blocks like the network"),
    ):
        with pytest.raises(InputError, match=message):
            make()
