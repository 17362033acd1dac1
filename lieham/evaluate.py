"""How well a classifier or a regressor does on clouds: error rate and confusion, or MAE in physical units."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from lieham.data.clouds import PointClouds
from lieham.errors import InputError
from lieham.models import CloudModel, LieConvClassifier
from lieham.typing import Int, Tensor

BATCH = 200


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; the mode before comes back."""
    before = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(before)


def predict(model: CloudModel, clouds: PointClouds, batch: int = BATCH) -> Tensor:
    """The class or the number, in the targets' unit, of every cloud, (k,): `batch` at a time, which changes nothing.

    Raises InputError on clouds that do not fit the model, and on none.
    """
    return torch.cat([model.predict(part) for part in _parts(model, clouds, batch)])


def scores(model: CloudModel, clouds: PointClouds, batch: int = BATCH) -> dict[str, float]:
    """`loss`, the model's own, and `error`, the share of wrong classes, or `mae` in the targets' unit.

    Raises InputError on clouds that do not fit the model, and on none.
    """
    loss, wrong, name = 0.0, 0.0, "error" if isinstance(model, LieConvClassifier) else "mae"
    for part in _parts(model, clouds, batch):
        share, said = len(part) / len(clouds), model.predict(part)
        off = (said != part.targets) if name == "error" else (said - part.targets).abs()
        loss, wrong = loss + share * model.loss(part).item(), wrong + share * off.double().mean().item()
    return {"loss": loss, name: wrong}


def confusion(true: Int[Tensor, " k"], said: Int[Tensor, " k"], classes: int) -> Int[Tensor, "c c"]:
    """How many clouds of class i, the row, were said to be j."""
    return torch.bincount(true * classes + said, minlength=classes**2).view(classes, classes)


def _parts(model: CloudModel, clouds: PointClouds, batch: int) -> Iterator[PointClouds]:
    if not len(clouds):
        raise InputError("clouds must not be empty, got none to predict of")
    model.check(clouds)
    with evaluating(model):
        for first in range(0, len(clouds), batch):
            yield clouds[first : first + batch]
