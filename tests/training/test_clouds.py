"""Training on clouds: what is learned, what decides, what a seed and a resumed run repeat."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham import fit
from lieham.data import CloudDataset, PointClouds
from lieham.errors import InputError, Interrupted
from lieham.evaluate import confusion, predict, scores
from lieham.models import LieConvClassifier, LieConvRegressor
from lieham.nn import MaskedBatchNorm
from lieham.training.config import CloudTrainConfig
from lieham.training.trainer import Trainer

SETTINGS = {
    "all pairs": {},
    "in balls": {"most": 6, "fill": 0.6, "keep": 0.5},
    "sampled": {"lift": "sampled", "most": 6},
}


def shapes(k: int, seed: int) -> PointClouds:
    """Class 0: points in a disc, 1: on a ring, moved at random; of two features one is noise, one is 1."""
    generator = torch.Generator().manual_seed(seed)
    angle, share = 2 * torch.pi * torch.rand(2, k, 14, generator=generator)
    target = torch.arange(k) % 2
    radius = torch.where(target[:, None] == 0, (share / (2 * torch.pi)).sqrt(), 0.7)
    points = radius[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    points = points + torch.randn(k, 1, 2, generator=generator)
    mask = torch.arange(14) < 14 - torch.arange(k)[:, None] % 3
    noise = torch.randn(k, 14, 1, generator=generator)
    return PointClouds.of(points, torch.cat([noise, torch.ones_like(noise)], -1), target, mask)


def hands(k: int, seed: int) -> PointClouds:
    """Class 0: a path turns left, 1: right, anywhere in the plane; the features say which corner is first."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(k) % 2
    start = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.5, 1.0]]) + 0.2 * torch.randn(k, 3, 2, generator=generator)
    start[..., 1] *= 1 - 2.0 * target[:, None]
    angle = 2 * torch.pi * torch.rand(k, generator=generator)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(k, 2, 2)
    points = start @ turn.mT + torch.randn(k, 1, 2, generator=generator)
    return PointClouds.of(points, torch.eye(3)[:, :2].expand(k, 3, 2), target)


def totals(k: int, seed: int) -> PointClouds:
    """The sum of the distances of all pairs of 4 to 6 points in space."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(k, 6, 3, generator=generator)
    mask = torch.arange(6) < 6 - torch.arange(k)[:, None] % 3
    both = mask[:, :, None] & mask[:, None]
    target = (torch.cdist(points, points) * both).sum((1, 2)) / 2
    return PointClouds.of(points, torch.ones(k, 6, 1), target, mask)


def dataset(of, n: int = 120, **settings) -> CloudDataset:
    return CloudDataset(of(n, 0), of(60, 1), of(60, 2), **settings)


def classifier(name: str = "in balls", group: str = "SE(2)", **settings) -> LieConvClassifier:
    return LieConvClassifier(group, 2, 2, width=16, blocks=2, kernel_dim=8, **SETTINGS[name] | settings)


@pytest.mark.parametrize("near", [{}, {"most": 3}])
def test_tensors_tell_left_from_right_and_distances_do_not(near):
    data, errors = dataset(hands), {}
    for lift in ("tensor", "coset"):
        model = classifier(lift=lift, **{"most": 0, "fill": 1.0, "keep": 1.0} | near)
        fit(model, data, steps=120, batch=30, evaluate_every=30)
        errors[lift] = scores(model, data.test)["error"]
    assert errors["tensor"] < 0.1 and errors["coset"] > 0.25, "guessing is wrong in half of the clouds"


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", ["all pairs", "in balls"])
def test_shapes_are_told_apart(name):
    """Guessing is wrong in half of the test clouds."""
    data, model = dataset(shapes), classifier(name)
    fit(model, data, steps=150, batch=30, evaluate_every=30)
    assert scores(model, data.test)["error"] < 0.15
    assert not model.training
    said = predict(model, data.test)
    table = confusion(data.test.targets, said, 2)
    assert table.sum() == 60 and table.diagonal().sum() == (said == data.test.targets).sum()


def test_labels_that_say_nothing_are_not_learned():
    """The negative control: classes drawn at random."""
    data, model = dataset(shapes), classifier()
    random = torch.randint(2, (120,), generator=torch.Generator().manual_seed(3))
    data = replace(data, train=replace(data.train, targets=random))
    fit(model, data, steps=60, batch=30)
    assert 0.25 < scores(model, data.test)["error"] < 0.75


def test_a_sum_of_distances_is_learned():
    """Floor: the mean of the training clouds with as many points, which leaves the spread among those."""
    data = dataset(totals, n=200)
    model = LieConvRegressor("SE(3)", 1, width=16, blocks=1, kernel_dim=8, norm=False, mean=False, block="gated")
    fit(model, data, steps=300, batch=40, evaluate_every=50, lr=1e-2)
    sizes = data.test.mask.sum(-1), data.train.mask.sum(-1)
    means = torch.stack([data.train.targets[sizes[1] == n].mean() for n in sizes[0]])
    floor = (data.test.targets - means).abs().mean().item()
    assert scores(model, data.test)["mae"] < 0.2 * floor
    torch.testing.assert_close(predict(model, data.test, batch=7), predict(model, data.test), rtol=1e-5, atol=1e-5)


# Repeating


@pytest.mark.parametrize("name", SETTINGS)
def test_a_seed_repeats_a_run_and_another_does_not(name):
    data, models = dataset(shapes), [classifier(name) for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        fit(model, data, steps=4, batch=30, evaluate_every=2, seed=seed)
    assert same(*models[:2]) and not same(models[0], models[2])


def moved(clouds: PointClouds, generator: torch.Generator) -> PointClouds:
    points = clouds.points + torch.randn(len(clouds), 1, 2, generator=generator)
    return PointClouds.of(points, clouds.features, clouds.targets, clouds.mask)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_resumed_run_ends_bit_for_bit_like_one_in_one_go(name, tmp_path, monkeypatch):
    """With neighbourhoods and elements drawn anew, norms, and an augmentation."""
    data = dataset(shapes, augment=moved)
    settings = {"steps": 12, "batch": 30, "evaluate_every": 3}
    whole, cut = classifier(name), classifier(name)
    history = fit(whole, data, run=tmp_path / "whole", **settings)
    seen = []

    def interrupted(self):
        seen.append(1)
        if len(seen) == 8:
            raise Interrupted("stopped")

    monkeypatch.setattr(Trainer, "_maybe_stop", interrupted)
    with pytest.raises(Interrupted):
        fit(cut, data, run=tmp_path / "cut", **settings)
    monkeypatch.undo()
    resumed = classifier(name, seed=5)
    again = fit(resumed, data, run=tmp_path / "cut", resume=True, **settings)
    assert same(whole, resumed)
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in h.rows] for h in (history, again)]
    assert rows[0] == rows[1] and len(rows[0]) == 4


# What decides


def test_the_weights_that_are_best_on_val_are_kept():
    data, model = dataset(shapes), classifier()
    history = fit(model, data, steps=40, batch=30, evaluate_every=5, lr=3e-2)
    found = [row["validation"] for row in history.rows]
    assert scores(model, data.val, batch=30)["loss"] == pytest.approx(min(found), rel=1e-5)
    assert history.best == min(found) and {"error", "loss", "stage", "step"} <= history.rows[0].keys()
    assert scores(model, data.train, batch=30)["loss"] != pytest.approx(min(found), rel=1e-5)


def test_an_augmentation_is_for_training_batches_alone():
    calls = []

    def watched(clouds: PointClouds, generator: torch.Generator) -> PointClouds:
        calls.append(clouds)
        return replace(clouds, targets=1 - clouds.targets)

    data, model = dataset(shapes, augment=watched), classifier(norm=False)
    before = [x.points.clone() for x in data.splits.values()]
    history = fit(model, data, steps=100, batch=30, evaluate_every=10)
    assert len(calls) == 100 and {len(x) for x in calls} == {30}
    assert all(torch.equal(a, x.points) for a, x in zip(before, data.splits.values(), strict=True))
    # It swaps the classes of what is trained on, so the better that is learned the worse are the others.
    assert history.rows[-1]["error"] > 0.5 and history.rows[-1]["loss"] < 0.69


def test_the_averaged_weights_have_norms_that_fit_them():
    """Validation by the average of the weights, in eval, is close to the loss of training, in training mode."""
    data, model = dataset(shapes), classifier()
    data = replace(data, val=data.train)
    history = fit(model, data, steps=150, batch=60, evaluate_every=50)
    last = history.rows[-1]
    assert last["loss"] < 0.3 and abs(last["validation"] - last["loss"]) < 0.15
    with torch.no_grad():
        kept = scores(model, data.train)["loss"]
        for norm in (x for x in model.modules() if isinstance(x, MaskedBatchNorm)):
            norm.mean.zero_(), norm.variance.fill_(1.0)
    assert scores(model, data.train)["loss"] > kept + 0.1, "the negative control: norms that never saw a batch"


def test_points_that_are_all_alike_are_no_trouble():
    """Features that do not vary: a norm divides their channels by almost nothing, which magnified the lag of running
    averages to validation losses of 10⁴."""
    data = dataset(shapes)
    splits = [replace(x, features=x.features[..., 1:].contiguous()) for x in data.splits.values()]
    model = LieConvClassifier("SE(2)", 1, 2, width=16, blocks=2, kernel_dim=8, **SETTINGS["in balls"])
    history = fit(model, CloudDataset(*splits), steps=150, batch=60, evaluate_every=50)
    assert max(row["validation"] for row in history.rows) < 1
    assert scores(model, splits[2])["error"] < 0.2


def test_what_does_not_fit_is_refused_before_training():
    data = dataset(shapes)
    with pytest.raises(InputError, match="d of the clouds must be 3"):
        fit(LieConvClassifier("SE(3)", 2, 2, width=8), data, steps=1)
    with pytest.raises(InputError, match="targets must be floating numbers"):
        fit(LieConvRegressor("SE(2)", 2, width=8), data, steps=1)
    with pytest.raises(InputError, match="clouds must not be empty"):
        scores(classifier(), data.test[:0])
    with pytest.raises(InputError, match="steps must be at least 1"):
        CloudTrainConfig(steps=0)
