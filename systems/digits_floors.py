"""What a classifier of images must beat: the nearest training image, and a linear function of the pixels."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize

from lieham.data import CloudDataset, PointClouds
from lieham.errors import InputError, expected
from lieham.typing import Float, Int, Tensor

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Weights of |W|² beside the mean cross-entropy, from which the validation split chooses."""


def nearest_neighbour_error(data: CloudDataset) -> float:
    """Share of test images whose nearest training image, by the distance of all pixels, has another label.

    Raises InputError when there is no train or no test split, or when the clouds do not share a grid.
    """
    train, test = _pixels(data, "train"), _pixels(data, "test")
    # 1,000 at a time: 50,000 against 12,000 at once would be 2.4 GB.
    nearest = torch.cat([torch.cdist(x, train).argmin(-1) for x in test.split(1000)])
    return _error(data.train.targets[nearest], data.test)


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
