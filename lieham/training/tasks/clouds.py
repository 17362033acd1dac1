"""Learning classes and numbers: batches of clouds, the model's own loss, and Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lieham.data.clouds import CloudDataset
from lieham.evaluate import scores
from lieham.models import CloudModel
from lieham.optim import AdamStage, Stage
from lieham.training.config import CloudTrainConfig
from lieham.training.tasks.base import Task
from lieham.typing import Tensor

FEW = 1000
"""Training clouds that judge the weights where no others are kept back for it."""


class CloudTask(Task):
    """Fits a classifier or a regressor to clouds; the model is given its units first.

    Batches are drawn without replacement, each anew, and augmented if the data say how. The weights are judged in eval
    mode, after the averages of the norms were measured for them.
    """

    kind = "clouds"
    models = "a LieConvClassifier or LieConvRegressor"
    settings = CloudTrainConfig

    def __init__(self, model: CloudModel, data: CloudDataset, config: CloudTrainConfig, may_stop: Callable[[], None]):
        assert data.train is not None, "`accepts` refuses data without a train split"
        self.train, self.config, self.augment, self.redraws = data.train, config, data.augment, config.redraw
        self.judged = data.train[:FEW] if data.val is None else data.val
        model.calibrate(data.train)
        spread = data.train.targets.double()
        self.units = {"length": model.length.clone(), "mean target": spread.mean(), "deviation": spread.std()}

    @classmethod
    def _check(cls, model: Any, data: Any) -> None:
        for split in data.splits.values():
            model.check(split)

    def stages(self, model: CloudModel) -> list[Stage]:
        return [AdamStage(model, self.config)]

    def __len__(self) -> int:
        return len(self.train)

    def sampled_loss(self, model: CloudModel, generator: torch.Generator) -> Tensor:
        batch = self.train[torch.randperm(len(self.train), generator=generator)[: self.config.batch]]
        batch = batch if self.augment is None else self.augment(batch, generator)
        return model.train().loss(batch)

    def fixed_loss(self, model: CloudModel) -> Tensor:
        return model.train().loss(self.train[: self.config.batch])

    def score(self, model: CloudModel) -> dict[str, float]:
        batch = self.config.batch
        starts = range(0, max(min(FEW, len(self.train)) - batch + 1, 1), batch)
        model.recalibrate_norms(self.train[first : first + batch] for first in starts)
        found = scores(model, self.judged, batch)
        return {"validation": found.pop("loss")} | found
