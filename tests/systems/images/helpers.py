"""Images of noise and of blobs, and splits of the digits."""

from __future__ import annotations

import torch

from lieham.data import CloudDataset, PointClouds
from systems.images.digits import DigitOptions, digits
from systems.images.pixels import as_clouds, pixel_grid

SIGMA = 2.0


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


def small(n_train: int = 100, n_val: int = 30, n_test: int = 50, **options) -> CloudDataset:
    return digits(n_train, n_val, n_test, options.pop("seed", 0), DigitOptions(**options))


GRID = as_clouds(noise(), labels(3))
GRID_OF_ITS_OWN = PointClouds.of(GRID.points.repeat(3, 1, 1), GRID.features, GRID.targets)
