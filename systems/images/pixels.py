"""Square images as clouds of pixels on one grid, and back; and rotations of them about the centre."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch.nn.functional import grid_sample

from lieham.data import PointClouds
from lieham.errors import InputError, expected
from lieham.typing import Float, Int, Tensor

MEAN, DEVIATION = 0.1307, 0.3081
"""Mean and deviation of the intensities in [0, 1] of MNIST's 60,000 training images, which all standardise by."""


def pixel_grid(
    size: int = 28, crop: bool = True, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Float[Tensor, "n 2"]:
    """Centres of the pixels about the image's centre, row by row from the top: x to the right, y up, unit 1 pixel.

    Args:
        size: pixels along a side, at least 2.
        crop: omit the corners, which are empty after a rotation: pixels from size/2 + 1 on in coordinates that go from
            −size/2 to size/2 (Finzi et al., arXiv:2002.12880, who keep |x| < 15 of a 28 x 28 grid). In
            pixels, those of |x| < (size/2 + 1)(size − 1)/size are kept.
        dtype: the precision of the points.
        device: the device of the points.

    Returns:
        Points (n, 2).

    Raises:
        InputError: the size is below 2.
    """
    if size < 2:
        raise expected("size", "at least 2 pixels", size)
    along = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2
    points = torch.stack(torch.meshgrid(along, -along, indexing="xy"), -1).flatten(0, 1)
    if crop:
        points = points[points.norm(dim=-1) < (size / 2 + 1) * (size - 1) / size]
    return points.to(dtype)


def as_clouds(images: Tensor, labels: Tensor, size: int = 28, crop: bool = True) -> PointClouds:
    """Turn images into clouds that share `pixel_grid`.

    The one feature of a pixel is (intensity − 0.1307)/0.3081, by MNIST's mean and deviation.

    Args:
        images: intensities in [0, 1], (k, size, size), rows from the top.
        labels: classes (k,), whole numbers from 0 on.
        size: pixels along a side.
        crop: omit the corners, as in `pixel_grid`.

    Returns:
        Clouds with the labels as int64 targets.

    Raises:
        InputError: images have another size, intensities are not in [0, 1], or labels do not fit.
    """
    _check_square(images)
    if images.shape[1] != size:
        raise InputError(f"images must have {size} x {size} pixels, got {images.shape[1]} x {images.shape[2]}")
    if not images.is_floating_point() or not bool(((images >= 0) & (images <= 1)).all()):
        got = f"{images.dtype} from {images.min()} to {images.max()}"
        raise expected("images", "finite floating intensities in [0, 1] (divide bytes by 255)", got)
    if labels.shape != images.shape[:1]:
        raise expected("labels", f"of shape ({len(images)},), one an image", tuple(labels.shape))
    if labels.is_floating_point() or bool((labels < 0).any()):
        raise expected("labels", "classes, whole numbers from 0 on", f"{labels.dtype} from {labels.min()}")
    grid = pixel_grid(size, crop, images.dtype, images.device)
    row, column = _indices(grid, size)
    features = (images[:, row, column] - MEAN) / DEVIATION
    return PointClouds.of(grid[None], features[..., None], labels.long())


def as_images(clouds: PointClouds) -> Float[Tensor, "k h w"]:
    """The intensities (k, h, w) of clouds on a pixel grid, 0 where it was cropped; InputError for other clouds."""
    size = _size(clouds)
    row, column = _indices(clouds.points[0], size)
    images = clouds.features.new_zeros(len(clouds), size, size)
    images[:, row, column] = clouds.features[..., 0] * DEVIATION + MEAN
    return images


def rotated(images: Tensor, angle: Tensor) -> Float[Tensor, "k h h"]:
    """Turn every image about its centre, counter-clockwise by `angle` in radians: f'(x) = f(R(−angle) x).

    Args:
        images: (k, h, h), interpolated bilinearly between pixels, and 0 outside.
        angle: (k,).

    Returns:
        The turned images, of the shape of `images`.

    Raises:
        InputError: shapes do not fit.
    """
    _check_square(images)
    if angle.shape != images.shape[:1]:
        raise expected("angle", f"of shape ({len(images)},), one an image", tuple(angle.shape))
    grid = pixel_grid(images.shape[-1], crop=False, dtype=images.dtype, device=images.device)
    return _values(images, grid, angle).unflatten(-1, images.shape[1:])


def random_turns(clouds: PointClouds, generator: torch.Generator) -> PointClouds:
    """Turn every image of a batch by an angle of its own, uniform in all directions: an augmentation.

    Raises:
        InputError: the clouds are not images.
    """
    angle = 2 * math.pi * torch.rand(len(clouds), generator=generator, dtype=torch.float64, device=generator.device)
    return turned(clouds, angle.to(clouds.features))


def turned(clouds: PointClouds, angle: Float[Tensor, " k"]) -> PointClouds:
    """The clouds of the images that `rotated` makes, on the same grid; InputError for clouds that are not images."""
    values = _values(as_images(clouds), clouds.points[0], angle)
    return replace(clouds, features=((values - MEAN) / DEVIATION)[..., None])


def _check_square(images: Tensor) -> None:
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise expected("images", "square, of shape (images, h, h)", tuple(images.shape))


def _values(images: Tensor, points: Float[Tensor, "n 2"], angle: Float[Tensor, " k"]) -> Float[Tensor, "k n"]:
    """Return the values of the turned images at points in pixels about the centre."""
    c, s = angle.cos(), angle.sin()
    back = torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)
    source = points @ back.mT
    # Without align_corners −1 and 1 are the outer edges of the image: size/2 pixels from the centre; rows go down.
    source = source * source.new_tensor([2 / images.shape[-1], -2 / images.shape[-2]])
    return grid_sample(images[:, None], source[:, None], padding_mode="zeros", align_corners=False)[:, 0, 0]


def _indices(grid: Float[Tensor, "n 2"], size: int) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the row and column of each pixel."""
    middle = (size - 1) / 2
    return (middle - grid[:, 1]).round().long(), (middle + grid[:, 0]).round().long()


def _size(clouds: PointClouds) -> int:
    """Pixels along a side of the images that clouds are."""
    points, n_features = clouds.points, clouds.features.shape[-1]
    if len(points) != 1 or clouds.dim != 2 or n_features != 1:
        got = f"points of shape {tuple(points.shape)} with {n_features} features"
        raise expected("clouds", "images: one feature on one grid of pixels in the plane, as of as_clouds", got)
    size = round(2 * points.abs().max().item()) + 1
    for crop in (True, False):
        if size > 1 and torch.equal(points[0], pixel_grid(size, crop, points.dtype, points.device)):
            return size
    raise InputError(f"clouds must lie on a grid of pixels, as of as_clouds, got {points.shape[1]} other points")
