"""Baselines that a classifier of images must beat: the nearest training image, and a linear function of the pixels."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import minimize

from lieham.data import CloudDataset, PointClouds
from lieham.errors import InputError, expected
from lieham.typing import Float, Int, Tensor
from systems.images.pixels import turned

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Weights of |W|² beside the mean cross-entropy; the validation split chooses one."""


def nearest_neighbour_error(data: CloudDataset, turns: int = 1) -> float:
    """Return the share of test images whose nearest training image, by the distance of all pixels, has another label.

    Args:
        data: images with a train and a test split.
        turns: every training image is also taken turned by 360/turns degrees and its multiples, which shows what the
            symmetry brings without learning.

    Returns:
        A number from 0 to 1.

    Raises:
        InputError: there is less than one turn, a split is missing, or the clouds are not images.
    """
    train, test = _images(data, "train"), _images(data, "test")
    if turns < 1:
        raise expected("turns", "at least 1", turns)
    pixels = test.features.flatten(1)
    least = pixels.new_full((len(test),), math.inf)
    labels = torch.zeros_like(test.targets)
    for k in range(turns):
        angle = train.features.new_full((len(train),), 2 * math.pi * k / turns)
        distance, index = _nearest(pixels, turned(train, angle).features.flatten(1))
        labels = torch.where(distance < least, train.targets[index], labels)
        least = torch.minimum(distance, least)
    return _error(labels, test)


def _nearest(x: Float[Tensor, "k n"], of: Float[Tensor, "m n"]) -> tuple[Float[Tensor, " k"], Int[Tensor, " k"]]:
    """Return distance and index of the nearest row; 1,000 at a time, since 50,000 against 12,000 would be 2.4 GB."""
    found = [torch.cdist(part, of).min(-1) for part in x.split(1000)]
    return torch.cat([x.values for x in found]), torch.cat([x.indices for x in found])


def linear_error(data: CloudDataset) -> float:
    """Return the share of test images that multinomial logistic regression on the pixels gets wrong.

    The mean cross-entropy of softmax(W x + b) plus λ|W|² is minimised; λ of `PENALTIES` is the one with the smallest
    error on the validation split.

    Args:
        data: images with all three splits.

    Returns:
        A number from 0 to 1.

    Raises:
        InputError: a split is missing, or the clouds do not share a grid.
    """
    train, val, test = (_images(data, name) for name in ("train", "val", "test"))
    fits = [_logistic(train, penalty) for penalty in PENALTIES]
    return _linear_error_of(min(fits, key=lambda fit: _linear_error_of(fit, val)), test)


def _linear_error_of(fit: tuple[Tensor, Tensor], clouds: PointClouds) -> float:
    """Return the share that softmax(W x + b) gets wrong."""
    w, b = fit
    return _error((clouds.features.flatten(1) @ w + b).argmax(-1), clouds)


def _logistic(train: PointClouds, penalty: float) -> tuple[Float[Tensor, "n c"], Float[Tensor, " c"]]:
    """Weights (n, classes) and offsets (classes,), by L-BFGS from zero: the problem is convex."""
    x, labels, classes = train.features.flatten(1), train.targets, int(train.targets.max()) + 1
    shape = (x.shape[1] + 1, classes)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = torch.from_numpy(flat).to(x).unflatten(0, shape).requires_grad_()
        w, b = theta[:-1], theta[-1]
        loss = torch.nn.functional.cross_entropy(x @ w + b, labels) + penalty * w.square().sum()
        loss.backward()
        return loss.item(), theta.grad.flatten().cpu().double().numpy()

    found = minimize(objective, np.zeros(shape[0] * classes), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    theta = torch.from_numpy(found.x).to(x).unflatten(0, shape)
    return theta[:-1], theta[-1]


def _images(data: CloudDataset, name: str) -> PointClouds:
    """Return the images of a split; InputError where there is no such split, or none of images."""
    split = data.splits.get(name)
    if split is None:
        raise InputError(f"data must have a {name} split, got only {', '.join(data.splits)}")
    if split.points.shape[0] != 1:
        raise expected(f"{name} split", "images on one grid", f"points of shape {tuple(split.points.shape)}")
    return split


def _error(predicted: Int[Tensor, " k"], truth: PointClouds) -> float:
    return (predicted != truth.targets).double().mean().item()
