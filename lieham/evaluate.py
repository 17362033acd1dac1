"""An evaluation scores a classifier or a regressor of clouds.

The score is the share of wrong classes, with their confusion, or the mean absolute error in physical units.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lieham._support.report import Report
from lieham.data.clouds import PointClouds
from lieham.errors import InputError, check_offers
from lieham.models import CloudModel
from lieham.typing import Float, Int, Tensor

BATCH = 200
"""This many clouds are predicted together."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, without gradients, for the block; afterwards restore its old mode."""
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
        clouds: the k clouds to predict.
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
    _check_kinds(model, clouds)
    parts = _parts(model, clouds, batch)
    with evaluating(model):
        return torch.cat([model.predict(part) for part in parts])


def scores(model: CloudModel, clouds: PointClouds, batch: int = BATCH) -> dict[str, float]:
    """Compare predictions with the targets.

    Args:
        model: a classifier or a regressor; its mode is left as it is.
        clouds: k clouds with targets.
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
    _check_kinds(model, clouds)
    loss, wrong = 0.0, 0.0
    parts = _parts(model, clouds, batch)
    with evaluating(model):
        for part in parts:
            share, off = len(part) / len(clouds), model.deviation(model.predict(part), part.targets)
            loss, wrong = loss + share * model.loss(part).item(), wrong + share * off.double().mean().item()
    return {"loss": loss, model.metric: wrong}


@dataclass(frozen=True)
class Evaluation(Report):
    """An evaluation holds predictions of clouds beside their targets, with a score and its standard error.

    Args:
        metric: "error" for the share of wrong classes, "mae" for the mean absolute error, as `CloudModel.metric` says.
        predicted: the classes or the numbers predicted, (k,).
        targets: the true ones, (k,).
        unit: the unit of the targets, empty for classes.
    """

    metric: str
    predicted: Tensor
    targets: Tensor
    unit: str = ""

    @property
    def deviation(self) -> Float[Tensor, " k"]:
        """The deviation of a prediction is 1 for a wrong class and 0 for a right one, or the absolute error."""
        if self.metric == "error":
            return (self.predicted != self.targets).double()
        return (self.predicted - self.targets).abs().double()

    @property
    def score(self) -> float:
        """The score is the mean deviation."""
        return self.deviation.mean().item()

    @property
    def standard_error(self) -> float:
        """The standard error is that of the score; of a share it is the binomial one, √(e(1 − e)/k)."""
        return self.deviation.std(correction=0).item() / len(self.targets) ** 0.5

    def as_dict(self) -> dict:
        """Return the score under its name, its standard error, the unit and the number of clouds."""
        own = {self.metric: self.score, "standard_error": self.standard_error}
        return own | {"unit": self.unit, "clouds": len(self.targets)}

    def __str__(self) -> str:
        values = f"{self.score:.4g} ± {self.standard_error:.2g} {self.unit}".rstrip()
        return f"{self.metric} of {len(self.targets)} clouds: {values}"

    def plot(self, path: str | Path) -> Path:
        """Draw the confusion of classes, or predicted against true numbers."""
        from lieham import plotting

        if self.metric == "mae":
            return plotting.plot_parity(self.targets, self.predicted, path, self.unit)
        classes = 1 + int(torch.cat([self.targets, self.predicted]).max())
        counts = confusion(self.targets, self.predicted, classes)
        return plotting.plot_confusion(counts, path, [str(k) for k in range(classes)])


def evaluation(model: CloudModel, clouds: PointClouds, unit: str = "") -> Evaluation:
    """Predict clouds and set the predictions beside the targets.

    Args:
        model: a classifier or a regressor; its mode is left as it is.
        clouds: k clouds with targets.
        unit: the unit of the targets.

    Returns:
        The report of the score.

    Raises:
        InputError: if the clouds do not fit the model, or if there are none.

    Example:
        >>> import torch, lieham
        >>> model = lieham.LieConvClassifier("SE(2)", features=1, classes=2, width=8, blocks=1)
        >>> clouds = lieham.PointClouds.of(torch.rand(4, 9, 2), torch.rand(4, 9, 1), torch.tensor([0, 1, 1, 0]))
        >>> lieham.evaluate.evaluation(model, clouds).as_dict()["clouds"]
        4
    """
    _check_kinds(model, clouds)
    return Evaluation(model.metric, predict(model, clouds), clouds.targets, unit)


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


def _check_kinds(model: CloudModel, clouds: PointClouds) -> None:
    """Raise InputError unless these are a model of clouds, and clouds."""
    check_offers("model", model, "a LieConvClassifier or LieConvRegressor", ("predict", "deviation", "metric"))
    check_offers("clouds", clouds, "PointClouds, such as data.test", ("points", "features", "targets"))


def _parts(model: CloudModel, clouds: PointClouds, batch: int) -> list[PointClouds]:
    """Return the clouds, `batch` at a time; raise InputError if there are none, or if they do not fit the model."""
    if not len(clouds):
        raise InputError("clouds must not be empty, got none to predict of")
    model.check(clouds)
    return [clouds[first : first + batch] for first in range(0, len(clouds), batch)]
