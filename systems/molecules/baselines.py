"""Baselines that a model of molecules must beat: one number for all, and a number for each element."""

from __future__ import annotations

import torch

from lieham.data import PointClouds
from lieham.typing import Float, Tensor
from systems.molecules.qm9_targets import ELEMENTS


def mean_predictor(train: PointClouds, test: PointClouds) -> float:
    """Return the mean absolute error on `test` of the median of `train`, in the unit of the targets."""
    y, truth = train.targets.double(), test.targets.double()
    return float((truth - y.quantile(0.5)).abs().mean())


def linear_on_counts(train: PointClouds, test: PointClouds) -> float:
    """Return the mean absolute error of y = b + Σ_e w_e count_e, in the unit of the targets.

    Args:
        train: molecules as `systems.molecules.qm9` makes them, for the least squares; an element that they lack gets
            the weight 0.
        test: the molecules whose error is meant.
    """
    weights = torch.linalg.pinv(_design(train)) @ train.targets.double()
    return float((test.targets.double() - _design(test) @ weights).abs().mean())


def _design(clouds: PointClouds) -> Float[Tensor, "k elements"]:
    """(counts, 1): the first of the three channels of an element is 1 at its atoms."""
    channels = clouds.features.shape[-1] // len(ELEMENTS)
    counts = clouds.features[..., ::channels].double().sum(1)
    return torch.cat([counts, counts.new_ones(len(counts), 1)], 1)
