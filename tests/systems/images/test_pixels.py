"""Laws of images as clouds: a turn is a turn, and augmentation keeps labels."""

from __future__ import annotations

import math

import pytest
import torch

from systems.images.pixels import DEVIATION, MEAN, as_clouds, as_images, pixel_grid, random_turns, rotated
from tests.systems.images.helpers import SIGMA, angles, blob, labels, noise, seeded

pytestmark = pytest.mark.filterwarnings("error")
BILINEAR = 2 / (8 * SIGMA**2)
"""Interpolation between points 1 apart is off by (|f_xx| + |f_yy|)/8 at most; for a blob of height 1, |f_xx| ≤ 1/σ²."""


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
