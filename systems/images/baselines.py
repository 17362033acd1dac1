"""What a classifier of images must beat: the nearest training image, and a linear function of the pixels."""

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
"""Weights of |W|² beside the mean cross-entropy, from which the validation split chooses."""


def nearest_neighbour_error(data: CloudDataset, turns: int = 1) -> float:
    """Share of test images whose nearest training image, by the distance of all pixels, has another label.

    With more `turns` every training image stands there turned by 0, 360/turns, ... degrees: what the symmetry brings
    without learning. Raises InputError for less than one turn, for a missing split and for clouds that are not images.
    """
    train, test = _pixels(data, "train"), _pixels(data, "test")
    if turns < 1:
        raise expected("turns", "at least 1", turns)
    least = test.new_full((len(test),), math.inf)
    labels = torch.zeros_like(data.test.targets)
    for k in range(turns):
        angle = train.new_full((len(train),), 2 * math.pi * k / turns)
        distance, index = _nearest(test, turned(data.train, angle).features.flatten(1))
        labels = torch.where(distance < least, data.train.targets[index], labels)
        least = torch.minimum(distance, least)
    return _error(labels, data.test)


def _nearest(x: Float[Tensor, "k n"], of: Float[Tensor, "m n"]) -> tuple[Float[Tensor, " k"], Int[Tensor, " k"]]:
    """Distance and index of the nearest row; 1,000 at a time, since 50,000 against 12,000 would be 2.4 GB."""
    found = [torch.cdist(part, of).min(-1) for part in x.split(1000)]
    return torch.cat([x.values for x in found]), torch.cat([x.indices for x in found])


def linear_error(data: CloudDataset) -> float:
    """Share of test images that multinomial logistic regression on the pixels gets wrong.

    Minimises the mean cross-entropy of softmax(W x + b) plus λ|W|²; λ of `PENALTIES` is the one with the smallest
    error on the validation split. Raises InputError when a split is missing, or when the clouds do not share a grid.
    """
    x, val, test = (_pixels(data, name) for name in ("train", "val", "test"))
    classes = int(data.train.targets.max()) + 1
    fits = [_logistic(x, data.train.targets, classes, penalty) for penalty in PENALTIES]
    w, b = min(fits, key=lambda fit: _error((val @ fit[0] + fit[1]).argmax(-1), data.val))
    return _error((test @ w + b).argmax(-1), data.test)


def _logistic(
    x: Float[Tensor, "k n"], labels: Int[Tensor, " k"], classes: int, penalty: float
) -> tuple[Float[Tensor, "n c"], Float[Tensor, " c"]]:
    """Weights (n, classes) and offsets (classes,), by L-BFGS from zero: the problem is convex."""
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


def _pixels(data: CloudDataset, name: str) -> Float[Tensor, "k n"]:
    split: PointClouds | None = getattr(data, name)
    if split is None:
        raise InputError(f"data must have a {name} split, got only {', '.join(data.splits)}")
    if split.points.shape[0] != 1:
        raise expected(f"{name} split", "images on one grid", f"points of shape {tuple(split.points.shape)}")
    return split.features.flatten(1)


def _error(predicted: Int[Tensor, " k"], truth: PointClouds) -> float:
    return (predicted != truth.targets).double().mean().item()
