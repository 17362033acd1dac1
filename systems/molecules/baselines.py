"""What a model of molecules must beat: one number for all, and a number for each element."""

from __future__ import annotations

import torch

from lieham.data import PointClouds
from lieham.typing import Float, Tensor
from systems.molecules.qm9_targets import ELEMENTS


def mean_predictor(train: PointClouds, test: PointClouds) -> float:
    """Mean absolute error on `test` of the number that has the least on `train`, its median; unit of the targets."""
    y, truth = train.targets.double(), test.targets.double()
    return float((truth - y.quantile(0.5)).abs().mean())


def linear_on_counts(train: PointClouds, test: PointClouds) -> float:
    """Mean absolute error on `test` of y = b + Σ_e w_e count_e, least squares on `train`; unit of the targets.

    Clouds as `systems.molecules` makes them. Elements that `train` lacks get the weight 0.
    """
    weights = torch.linalg.pinv(_design(train)) @ train.targets.double()
    return float((test.targets.double() - _design(test) @ weights).abs().mean())


def _design(clouds: PointClouds) -> Float[Tensor, "k elements"]:
    """(counts, 1): the first of the three channels of an element is 1 at its atoms."""
    channels = clouds.features.shape[-1] // len(ELEMENTS)
    counts = clouds.features[..., ::channels].double().sum(1)
    return torch.cat([counts, counts.new_ones(len(counts), 1)], 1)
