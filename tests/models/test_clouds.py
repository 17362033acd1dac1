"""Laws of classifiers and regressors of clouds, for every model in `cases.CLOUD_MODELS`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lieham.data import PointClouds
from lieham.errors import InputError
from lieham.evaluate import Evaluation, evaluation, predict
from lieham.groups import make_group
from lieham.lift import SampledLift
from lieham.models import LieConvClassifier, LieConvRegressor, load_model, save_model
from tests.helpers.cases import (
    CLOUD_MODELS,
    CLOUD_SAMPLED,
    DTYPES,
    TOLERANCE,
    clouds,
    make_cloud_model,
    outside,
    randomise,
)

models = pytest.mark.parametrize("name", CLOUD_MODELS)
every_model = pytest.mark.parametrize("name", CLOUD_MODELS | CLOUD_SAMPLED)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda x: str(x).removeprefix("torch."))


def setting(name: str, dtype=torch.float64, **sizes):
    """A model and clouds in its space."""
    model = make_cloud_model(name, dtype)
    return model, clouds(model.group.space_dim, dtype=dtype, **sizes)


def moved(g: torch.Tensor, x: PointClouds) -> PointClouds:
    """Every cloud under one motion, padded points stay at 0."""
    points = x.points @ g[:-1, :-1].mT + g[:-1, -1]
    return PointClouds.of(points, x.features, x.targets, x.mask)


def size(x: torch.Tensor) -> float:
    return max(x.abs().max().item(), 1e-3)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest, relative to the largest entry of b."""
    return (a - b).abs().max().item() / size(b)


def as_before(got: torch.Tensor, want: torch.Tensor, dtype=torch.float64, scale: float = 1.0) -> None:
    """Equal to within round-off of the largest entry; classes and numbers alike."""
    assert difference(got, want) < scale * TOLERANCE[dtype]


# Symmetry


@models
@torch.no_grad()
def test_no_motion_of_the_group_changes_what_is_said(name):
    model, x = setting(name)
    assert model.exact
    before, spread = model(x), model(clouds(x.dim, k=20, seed=5)).std(0).max().item()
    assert spread > 1e-3, "it looks at the points"
    for g in model.group.sample(8, generator=torch.Generator().manual_seed(1)):
        as_before(model(moved(g, x)), before)
        as_before(model.predict(moved(g, x)).double(), model.predict(x).double())


@models
@torch.no_grad()
def test_other_motions_change_it(name):
    """The negative control, for every motion outside the group: a shift, a scaling, a turn, a squeeze, a mirror image.

    Distances do not tell a cloud from its mirror image, which `outside` leaves out where they are all that is seen.
    """
    model, x = setting(name)
    for g in outside(model.group):
        assert difference(model(moved(g, x)), model(x)) > 1e-3, g


@models
@torch.no_grad()
def test_float32_is_as_good_as_it_can_be(name):
    model, x = setting(name, torch.float32)
    assert model(x).dtype == torch.float32
    as_before(model(x).double(), setting(name)[0](clouds(x.dim)), torch.float32, scale=10)
    for g in model.group.sample(4, generator=torch.Generator().manual_seed(1), dtype=torch.float32):
        as_before(model(moved(g, x)), model(x), torch.float32, scale=10)


@pytest.mark.parametrize("group", ["SO(2)", "SO(3)"])
@dtypes
@torch.no_grad()
def test_what_is_the_same_in_all_clouds_is_not_magnified(group, dtype):
    """Points on a circle or a sphere: |x|² is a coordinate that round-off alone tells apart."""
    d, generator = make_group(group).space_dim, torch.Generator().manual_seed(0)
    points = torch.randn(6, 9, d, generator=generator, dtype=torch.float64)
    points = (points / points.norm(dim=-1, keepdim=True)).to(dtype)
    x = PointClouds.of(points, torch.ones(6, 9, 1, dtype=dtype), torch.zeros(6, dtype=torch.long))
    model = LieConvClassifier(group, 1, width=16, blocks=2, most=4, dtype=dtype)
    model.calibrate(x)
    randomise(model.eval(), seed=3)
    for g in model.group.sample(4, generator=generator, dtype=dtype):
        as_before(model(moved(g, x)), model(x), dtype, scale=10)


def inexactness(group: str, samples: int, draws: int = 24) -> tuple[float, float]:
    """Root mean square of the change under motions, over draws of elements, and how much the output differs between
    clouds."""
    generator = torch.Generator().manual_seed(5)
    declared = make_group(group)
    kind = LieConvClassifier if declared.space_dim == 2 else LieConvRegressor
    lift = SampledLift(declared, samples=samples, bodies=6)
    model = kind(group, 2, lift=lift, width=8, kernel_dim=4, blocks=2, norm=False, dtype=torch.float64)
    x, errors = clouds(declared.space_dim, k=8, n=6), []
    model.calibrate(x)
    randomise(model, seed=3, scale=0.4)
    with torch.no_grad():
        for g in declared.sample(draws, generator=generator):
            model.network.lift.redraw(generator)
            errors.append(model(moved(g, x)) - model(x))
        return torch.stack(errors).square().mean().sqrt().item(), model(x).std(0).mean().item()


@pytest.mark.parametrize("group", ["SE(2)", "SO(3)", "SE(3)"])
def test_the_error_of_samples_falls_like_one_over_the_root(group):
    """1/4 is expected of 16 times the samples; 24 draws of a mean square leave it uncertain by a third."""
    (few, spread), (many, _) = inexactness(group, 1), inexactness(group, 16)
    assert few > 1e-2 * spread, "the paper's lift breaks the symmetry"
    assert many / few < 0.4


# Points


@models
@torch.no_grad()
def test_the_order_of_the_points_does_not_matter_over_all_pairs(name):
    model, x = setting(name, k=1)
    order = torch.randperm(x.mask.shape[-1], generator=torch.Generator().manual_seed(2))
    other = PointClouds(x.points[:, order], x.features[:, order], x.mask[:, order], x.targets)
    if model.network.neighbors.fixed:
        as_before(model(other), model(x))
    elif not model.config["nearest"]:
        assert difference(model(other), model(x)) > 1e-6, "the choice hangs on numbers: the negative control"


@every_model
@torch.no_grad()
def test_padding_and_batch_mates_change_nothing(name):
    model, x = setting(name)
    together = model(x)
    for i in range(len(x)):
        alone = x[torch.tensor([i])]
        assert alone.points.shape[1] == x.mask[i].sum(), "without padding"
        as_before(model(alone)[0], together[i], scale=0.1)
    points, features = (torch.nn.functional.pad(y, (0, 0, 0, 3)) for y in (x.points, x.features))
    wide = PointClouds(points, features, torch.nn.functional.pad(x.mask, (0, 3)), x.targets)
    as_before(model(wide), together, scale=0.1)


@every_model
@torch.no_grad()
def test_a_grid_is_as_the_same_points_in_each_cloud(name):
    """Of a grid one neighbourhood serves all clouds; the second call takes it from memory, another grid does not."""
    model, x = setting(name, k=3, n=8)
    grid = PointClouds.of(x.points[:1], x.features, x.targets)
    each = PointClouds.of(x.points[:1].expand(3, -1, -1), x.features, x.targets)
    want = model(each)
    as_before(model(grid), want)
    assert torch.equal(model(grid), model(grid))
    other = PointClouds.of(2.5 * x.points[1:2] + 0.3, x.features, x.targets)
    assert difference(model(other), want) > 1e-6
    as_before(model(other), model(PointClouds.of(other.points.expand(3, -1, -1), x.features, x.targets)))
    as_before(model(grid), want)


@every_model
def test_a_call_is_a_function(name):
    model, x = setting(name)
    given = [x.points, x.features, x.mask, *model.state_dict().values()]
    before = [y.clone() for y in given]
    assert torch.equal(model(x), model(x))
    assert all(torch.equal(a, b) for a, b in zip(before, given, strict=True))


@every_model
def test_gradients_are_finite_everywhere(name):
    """At coincident points, of one point, at the origin; in training and in eval."""
    model, x = setting(name)
    even = torch.arange(x.points.shape[1]) % 2 == 0
    same, some = (replace(x, points=x.points * kept) for kept in (0.0, even[:, None]))
    one = PointClouds(x.points[:, :1], x.features[:, :1], x.mask[:, :1], x.targets)
    for training in (False, True):
        for those in (x, same, some, one, one[:1]):
            model.train(training).zero_grad()
            points = those.points.clone().requires_grad_()
            model.loss(replace(those, points=points)).backward()
            assert points.grad.isfinite().all()
            assert all(w.grad is None or w.grad.isfinite().all() for w in model.parameters())


# Heads


@every_model
def test_a_file_holds_all_that_the_outputs_hang_on(name, tmp_path):
    model, x = setting(name)
    save_model(model, tmp_path / "model.safetensors")
    back = load_model(tmp_path / "model.safetensors").eval()
    assert type(back) is type(model) and back.config == model.config
    assert torch.equal(back(x), model(x)) and torch.equal(back.predict(x), model.predict(x))


@pytest.mark.parametrize("settings", [{}, {"most": 3, "keep": 0.5}])
def test_clouds_whose_points_are_all_at_one_place_have_no_length_to_measure(settings):
    x = clouds(3, k=5)
    x = replace(x, points=torch.zeros_like(x.points))
    model = LieConvRegressor("SE(3)", 2, width=16, blocks=2, **settings)
    model.calibrate(x.to(dtype=torch.float32))
    assert model.length == 1 and model.eval().predict(x.to(dtype=torch.float32)).isfinite().all()


def test_numbers_are_in_the_units_of_the_targets():
    """ŷ of targets 5 + 3t is 5 + 3 ŷ of targets t, and the loss the same, over the MAD of what is not linear."""
    x = clouds(3, k=7)
    other = replace(x, targets=5 + 3 * x.targets)
    found = []
    for data in (x, other):
        model = LieConvRegressor("SE(3)", 2, width=16, blocks=1, dtype=torch.float64)
        model.calibrate(data)
        model.eval()
        found.append((model.predict(data), model.loss(data)))
    torch.testing.assert_close(found[1][0], 5 + 3 * found[0][0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-12, atol=1e-12)
    pooled = (other.features.sum(1) / other.mask.sum(1, keepdim=True)).numpy()
    design = np.concatenate([pooled, np.ones((len(other), 1))], 1)
    left = other.targets - torch.from_numpy(design @ np.linalg.lstsq(design, other.targets.numpy(), rcond=None)[0])
    mad = (left - left.median()).abs().mean()
    said, loss = found[1]
    torch.testing.assert_close(loss, (said - other.targets).abs().mean() / mad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["SE(3), a sum", "T(3), in balls, a sum"])
@torch.no_grad()
def test_a_sum_is_the_mean_times_the_number_of_points(name):
    """Where points are subsampled too; the bias is added once."""
    total, mean = make_cloud_model(name), make_cloud_model(name, mean=True)
    x = clouds(3)
    n = x.mask.sum(-1, keepdim=True)
    as_before(total(x) - total.bias, n * (mean(x) - mean.bias))
    assert difference(total(x), mean(x)) > 0.1


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: LieConvClassifier("SE(2)", classes=1), "classes must be at least 2, got 1"),
        (lambda: LieConvClassifier("SE(2)", width=3), "width must be at least 4, got 3"),
        (lambda: LieConvClassifier("SE(2)", keep=0.5), "most must be positive where points are left out"),
        (lambda: LieConvClassifier("SE(2)", growth=0.5), "growth must be at least 1"),
        (lambda: LieConvClassifier("SE(2)", most=-1), "most must be at least 1, got -1"),
        (lambda: LieConvClassifier("SE(2)", most=3, fill=1.5), "fill must be in"),
        (lambda: LieConvClassifier("SE(2)", most=3, keep=0.0), "keep must be in"),
        (lambda: LieConvRegressor("SE(3)").check(clouds(3)), "features of the clouds must be 1 as in the model, got 2"),
        (lambda: LieConvRegressor("SE(3)", 2).check(clouds(2)), "d of the clouds must be 3 as in the model, got 2"),
        (lambda: LieConvRegressor("SE(2)", 2).check(clouds(2)), "targets must be floating numbers"),
        (lambda: LieConvClassifier("SE(3)", 2).check(clouds(3)), "targets must be whole numbers"),
        (lambda: LieConvClassifier("SE(2)", 2, classes=2).check(clouds(2)), "targets must be in 0 to 1, got 0 to 2"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_an_evaluation_gives_the_score_as_text_as_data_and_as_a_picture(tmp_path):
    """2 of 8 classes are wrong: a quarter, with the binomial error; of numbers the mean absolute error."""
    said, true = torch.tensor([0, 0, 0, 0, 0, 0, 3, 4]), torch.zeros(8, dtype=torch.long)
    found = Evaluation("error", said, true)
    assert found.as_dict() == {"error": 0.25, "standard_error": (0.25 * 0.75 / 8) ** 0.5, "unit": "", "clouds": 8}
    assert str(found) == "error of 8 clouds: 0.25 ± 0.15"
    numbers = Evaluation("mae", true + 0.5, true.double(), "eV")
    assert numbers.score == 0.5 and numbers.standard_error == 0 and str(numbers).endswith("0.5 ± 0 eV")
    for report in (found, numbers):
        assert report.plot(tmp_path / f"{report.metric}.png").read_bytes().startswith(b"\x89PNG")
    model = make_cloud_model("SE(2), all pairs")
    judged = evaluation(model, clouds(2))
    assert torch.equal(judged.predicted, predict(model, clouds(2))) and judged.metric == "error"
