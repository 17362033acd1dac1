"""How good a classifier or a regressor of clouds is: share of wrong classes and confusion, or MAE in physical units."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from lieham.data.clouds import PointClouds
from lieham.errors import InputError
from lieham.models import CloudModel
from lieham.typing import Int, Tensor

BATCH = 200
"""Clouds that are predicted together."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, without gradients, for the block; afterwards it has its old mode again."""
    before = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(before)


def predict(model: CloudModel, clouds: PointClouds, batch: int = BATCH) -> Tensor:
    """Predict the class or the number of every cloud.

    Args:
        model: a classifier or a regressor; its mode is left as it is.
        clouds: k of them.
        batch: clouds that are predicted together, which does not change the predictions.

    Returns:
        (k,): classes, or numbers in the unit of the targets.

    Raises:
        InputError: if the clouds do not fit the model, or if there are none.

    Example:
        >>> import torch, lieham
        >>> model = lieham.LieConvClassifier("SE(2)", features=1, classes=3, width=8, blocks=1)
        >>> points, grey = torch.rand(4, 9, 2), torch.rand(4, 9, 1)
        >>> clouds = lieham.PointClouds.of(points, grey, torch.tensor([0, 1, 2, 0]))
        >>> lieham.predict(model, clouds).shape
        torch.Size([4])
    """
    return torch.cat([model.predict(part) for part in _parts(model, clouds, batch)])


def scores(model: CloudModel, clouds: PointClouds, batch: int = BATCH) -> dict[str, float]:
    """Compare predictions with the targets.

    Args:
        model: a classifier or a regressor; its mode is left as it is.
        clouds: k of them, with targets.
        batch: clouds that are predicted together, which does not change the scores.

    Returns:
        `loss`, the mean of the model's own, and either `error`, the share of wrong classes, or `mae`, the mean absolute
        error in the unit of the targets.

    Raises:
        InputError: if the clouds do not fit the model, or if there are none.

    Example:
        >>> import torch, lieham
        >>> model = lieham.LieConvRegressor("SE(3)", features=1, width=8, blocks=1)
        >>> clouds = lieham.PointClouds.of(torch.rand(4, 5, 3), torch.rand(4, 5, 1), torch.rand(4))
        >>> sorted(lieham.scores(model, clouds))
        ['loss', 'mae']
    """
    loss, wrong = 0.0, 0.0
    for part in _parts(model, clouds, batch):
        share, off = len(part) / len(clouds), model.deviation(model.predict(part), part.targets)
        loss, wrong = loss + share * model.loss(part).item(), wrong + share * off.double().mean().item()
    return {"loss": loss, model.metric: wrong}


def confusion(true: Int[Tensor, " k"], said: Int[Tensor, " k"], classes: int) -> Int[Tensor, "c c"]:
    """Count how many clouds of each true class were given each class.

    Args:
        true: the classes.
        said: the classes predicted.
        classes: their number, c.

    Returns:
        Counts, with the true class as row and the predicted one as column.
    """
    return torch.bincount(true * classes + said, minlength=classes**2).view(classes, classes)


def _parts(model: CloudModel, clouds: PointClouds, batch: int) -> Iterator[PointClouds]:
    """The clouds, `batch` at a time, while the model is in eval mode; InputError for none."""
    if not len(clouds):
        raise InputError("clouds must not be empty, got none to predict of")
    model.check(clouds)
    with evaluating(model):
        for first in range(0, len(clouds), batch):
            yield clouds[first : first + batch]
