"""Laws of neighbourhoods: distances of a group, who is whose neighbour, and the draws of a few."""

from __future__ import annotations

import itertools

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import CustomGroup, make_group
from lieham.lift import NearPairs, make_lift
from lieham.neighbors import MonteCarlo, MonteCarloSettings
from lieham.neighbors.subsample import JITTER
from tests.helpers.cases import GROUPS
from tests.neighbors.helpers import points, seeded


def chosen(lift, settings: MonteCarloSettings, x: torch.Tensor, blocks: int = 1, mask: torch.Tensor | None = None):
    """Settled neighbourhoods of a lift and the pairs of every block."""
    near = MonteCarlo(lift, blocks, settings).double()
    mask = torch.ones(x.shape[:-1], dtype=torch.bool) if mask is None else mask
    near.calibrate(lift, x, mask)
    return near, near(lift, x, mask)


def numbers(pairs: NearPairs) -> list[set[tuple[int, int]]]:
    """(target, neighbour) by the points' numbers, for every cloud."""
    found = []
    for origin, index, weight in zip(pairs.origin, pairs.index, pairs.weight, strict=True):
        t = (weight > 0).nonzero()[:, 0]
        found.append(set(zip(origin[t].tolist(), origin[index[weight > 0]].tolist(), strict=True)))
    return found


# Distances


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_a_distance_is_symmetric_invariant_and_zero_at_the_point_itself(group):
    x, y = (points(20, group.space_dim, seed=s, positive=group.positive) for s in (0, 1))
    along, across = group.distances(x, y)
    assert along.shape == across.shape == (20,) and (along >= 0).all() and (across >= 0).all()
    for found, back in zip(group.distances(y, x), (along, across), strict=True):
        torch.testing.assert_close(found, back, rtol=1e-14, atol=1e-14)
    assert all((own.abs() < 1e-15).all() for own in group.distances(x, x))
    assert (along + across > 0).all()
    for g in group.sample(5, generator=seeded(2)):
        for found, want in zip(group.distances(group.act(g, x), group.act(g, y)), (along, across), strict=True):
            torch.testing.assert_close(found, want, rtol=1e-11, atol=1e-11)
    broadcast = group.distances(x[:, None], y[None])
    torch.testing.assert_close(broadcast[0].diagonal(), along, rtol=1e-15, atol=0)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_a_motion_goes_along_the_group_and_not_across(group):
    """d_O(g·x, x) = 0, and for groups that act freely d_G(exp(a)·x, x) = |a|, a small; screws have |x − y| instead."""
    x = points(20, group.space_dim, positive=group.positive)
    a = 0.3 * torch.randn(20, group.lie_dim, generator=seeded(1), dtype=torch.float64)
    along, across = group.distances(group.act(group.exp(a), x), x)
    assert across.abs().max() < 1e-12
    if group.acts_freely and group.name != "Helical(0.7)":
        torch.testing.assert_close(along, a.norm(dim=-1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "name, x, y, along, across",
    [
        ("T(2)", (0.0, 0.0), (3.0, 4.0), 5.0, 0.0),
        ("Trivial(2)", (0.0, 0.0), (3.0, 4.0), 0.0, 5.0),
        ("SE(3)", (1.0, 0.0, 0.0), (1.0, 2.0, 0.0), 2.0, 0.0),
        ("SO(2)", (2.0, 0.0), (0.0, 5.0), torch.pi / 2, 3.0),
        ("SO(2)", (1.0, 0.0), (-1.0, 0.0), torch.pi, 0.0),
        ("SO(3)", (0.0, 0.0, 2.0), (0.0, -1.0, 0.0), torch.pi / 2, 1.0),
        ("R*(2)", (1.0, 0.0), (0.0, torch.e), 1.0, 2**0.5),
        ("R*SO(2)", (1.0, 0.0), (0.0, torch.e), (1 + torch.pi**2 / 4) ** 0.5, 0.0),
        ("Sq(2)", (torch.e, 1.0), (1.0, torch.e), 1.0, 0.0),
        ("R*Sq(2)", (torch.e, torch.e), (1.0, 1.0), 1.0, 0.0),
        ("Trivial(1)xT(1)", (0.0, 0.0), (3.0, 4.0), 4.0, 3.0),
    ],
)
def test_known_distances_and_their_weight(name, x, y, along, across):
    group = make_group(name)
    x, y = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    found = torch.stack(group.distances(x, y))
    torch.testing.assert_close(found, x.new_tensor([along, across]), rtol=1e-12, atol=1e-12)
    for alpha in (0.0, 0.3, 1.0):
        found = make_lift(None, group).distance(x, y, alpha).item()
        assert found == pytest.approx(alpha * along + (1 - alpha) * across, abs=1e-12)


def test_a_group_without_a_distance_says_so():
    shear = CustomGroup("shears", torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]), torch.zeros(1, 2))
    with pytest.raises(InputError, match="group must have a distance, as T, SO, SE"):
        shear.distances(points(4, 2), points(4, 2))


# Neighbours


@pytest.mark.parametrize("fill", [0.1, 0.3, 0.7])
def test_balls_hold_the_share_that_was_asked_for(fill):
    """Of new clouds like those that they were measured on, and as many in the next block, which has fewer points."""
    x, new = points(200, 40, 3), points(200, 40, 3, seed=1)
    near, _ = chosen(make_lift(None, make_group("T(3)")), MonteCarloSettings(40, fill, keep=0.25), x, blocks=2)
    mask = torch.ones(200, 40, dtype=torch.bool)
    for k, pairs in enumerate(near(make_lift(None, make_group("T(3)")), new, mask)):
        t, s = (20, 40) if k == 0 else (10, 20)
        number = (pairs.weight > 0).sum(-1).double().mean().item()
        assert pairs.weight.shape[1] == t
        assert number / s == pytest.approx(min(fill * 2**k, 1), rel=0.1)


@pytest.mark.parametrize("name", ["T(2)", "SO(2)", "SE(2)", "Trivial(2)"])
def test_neighbours_lie_in_the_ball_and_are_as_many_as_asked_for(name):
    x = points(6, 30, 2)
    lift = make_lift(None, make_group(name))
    near, [pairs] = chosen(lift, MonteCarloSettings(8, 0.2), x)
    distance = lift.distance(x[:, :, None], x[:, None], 0.5)
    within = distance <= near.radius[0]
    assert 0.15 < within.double().mean() < 0.25
    real = pairs.weight > 0
    assert torch.equal(real.sum(-1), within.sum(-1).clamp(max=8)), "all in the ball, or as many as allowed"
    assert within.gather(-1, pairs.index)[real].all()
    for (k, t), row in zip(itertools.product(range(6), range(30)), pairs.index.flatten(0, 1), strict=True):
        own = row[real[k, t]]
        assert len(own.unique()) == len(own)
    torch.testing.assert_close(pairs.weight.sum(-1), torch.ones(6, 30, dtype=torch.float64), rtol=1e-15, atol=1e-15)


def test_the_choice_is_random_and_stays_until_it_is_drawn_anew():
    x, mask = points(4, 30, 2), torch.ones(4, 30, dtype=torch.bool)
    lift = make_lift(None, make_group("T(2)"))
    near, [first] = chosen(lift, MonteCarloSettings(8), x)
    assert numbers(near(lift, x, mask)[0]) == numbers(first)
    near.redraw(seeded(1))
    other = near(lift, x, mask)[0]
    shared = [len(a & b) / len(a) for a, b in zip(numbers(first), numbers(other), strict=True)]
    # 8 of 30 at random twice: 8/30 of them are the same.
    assert sum(shared) / 4 == pytest.approx(8 / 30, abs=0.1)
    near.redraw(seeded(1))
    assert numbers(near(lift, x, mask)[0]) == numbers(other)
    counts = torch.zeros(30)
    for seed in range(20):
        near.redraw(seeded(seed))
        counts += torch.bincount(near(lift, x, mask)[0].index.flatten(), minlength=30)
    # 20 x 4 x 30 x 8 draws on 30 numbers, 640 each: five binomial deviations.
    assert (counts - 640).abs().max() < 5 * 640**0.5, "no number is preferred"


@pytest.mark.parametrize("name", ["T(2)", "SO(2)", "SE(3)", "R*SO(2)"])
def test_the_nearest_are_the_nearest(name):
    """But for the jitter: of no chosen neighbour is the distance 1 % above that of one left out."""
    group = make_group(name)
    x = points(5, 30, group.space_dim)
    lift = make_lift(None, group)
    near, [pairs] = chosen(lift, MonteCarloSettings(6, nearest=True), x)
    distance = lift.distance(x[:, :, None], x[:, None], 0.5)
    picked = distance.gather(-1, pairs.index)
    left = distance.scatter(-1, pairs.index, float("inf")).min(-1).values
    assert (picked.max(-1).values <= (1 + 1.01 * JITTER) * left).all()
    assert (picked.min(-1).values == 0).all(), "itself among them"
    assert torch.isinf(near.radius).all()


def test_a_cloud_keeps_a_share_of_its_own_points():
    sizes, blocks, keep = [40, 23, 9, 1], 3, 0.3
    mask = torch.arange(40) < torch.tensor(sizes)[:, None]
    lift, settings = make_lift(None, make_group("T(2)")), MonteCarloSettings(8, keep=keep)
    _, found = chosen(lift, settings, points(4, 40, 2), blocks, mask)
    for k, pairs in enumerate(found):
        for side, j in ((pairs.mask, k), (pairs.targets, k + 1)):
            want = [max(1, -(-n * keep ** (j / blocks) // 1)) for n in sizes]
            assert side.sum(-1).tolist() == want
        assert (pairs.weight.sum(-1) > 0)[pairs.targets].all(), "nobody is alone: at least itself"
        assert not pairs.weight[~pairs.targets].any() or pairs.weight.shape[1] == pairs.targets.shape[1]
    assert torch.equal(found[-1].count, torch.tensor(sizes, dtype=torch.float64))


def test_what_is_rare_is_seen_within_bounds():
    """A radius shorter than in all training clouds: the narrowest functions of it were 0 there, to 1e-4."""
    x = points(20, 10, 2)
    x = x * (1 + x.norm(dim=-1, keepdim=True).reciprocal())
    lift = make_lift(None, make_group("SO(2)"))
    near, _ = chosen(lift, MonteCarloSettings(4), x)
    new, mask = x[:1].clone(), torch.ones(1, 10, dtype=torch.bool)
    new[0, 3] = 0.0
    seen = near(lift, new, mask)[0].embedding
    raw = near._pairs(lift, new, mask)[0].embedding
    assert ((raw - near.embedding_mean[0]) / near.embedding_deviation[0]).abs().max() > 100
    assert seen.abs().max() == 10
    usual = near(lift, x, torch.ones(20, 10, dtype=torch.bool))[0].embedding
    torch.testing.assert_close(usual.mean((0, 1, 2)), torch.zeros_like(usual[0, 0, 0]), rtol=0, atol=0.1)
