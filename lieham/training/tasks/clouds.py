"""Learning classes and numbers: batches of clouds, the model's own loss, and Adam."""

from __future__ import annotations

import torch

from lieham.data.clouds import Augmentation, PointClouds
from lieham.evaluate import scores
from lieham.models import CloudModel
from lieham.nn import MaskedBatchNorm
from lieham.optim.adam import AdamStage
from lieham.training.config import CloudTrainConfig
from lieham.training.tasks.base import Task
from lieham.typing import Tensor

FEW = 1000
"""Training clouds that judge the weights where no others are kept back for it."""


class CloudTask(Task):
    """Fits a classifier or a regressor to clouds; the model is given its units first.

    Batches are drawn without replacement, each anew, and augmented if the data say how. The weights are judged in eval,
    the norms' averages measured for them.
    """

    def __init__(
        self,
        model: CloudModel,
        train: PointClouds,
        validation: PointClouds | None,
        config: CloudTrainConfig,
        augment: Augmentation | None,
    ):
        self.train, self.config, self.augment, self.redraws = train, config, augment, config.redraw
        self.judged = train[:FEW] if validation is None else validation
        model.calibrate(train)
        spread = train.targets.double()
        self.units = {"length": model.length.clone(), "mean target": spread.mean(), "deviation": spread.std()}
        self.stages = [AdamStage(model, config)]

    def __len__(self) -> int:
        return len(self.train)

    def sampled_loss(self, model: CloudModel, generator: torch.Generator) -> Tensor:
        batch = self.train[torch.randperm(len(self.train), generator=generator)[: self.config.batch]]
        batch = batch if self.augment is None else self.augment(batch, generator)
        return model.train().loss(batch)

    def fixed_loss(self, model: CloudModel) -> Tensor:
        return model.train().loss(self.train[: self.config.batch])

    def score(self, model: CloudModel) -> dict[str, float]:
        self._remeasure(model)
        found = scores(model, self.judged, self.config.batch)
        return {"validation": found.pop("loss")} | found

    @torch.no_grad()
    def _remeasure(self, model: CloudModel) -> None:
        """Give the norms the averages that these very weights have over training clouds: those that followed the steps
        lag behind and are of other weights, which a channel that hardly varies magnifies without bound."""
        norms = [part for part in model.modules() if isinstance(part, MaskedBatchNorm)]
        momenta, batch = [norm.momentum for norm in norms], self.config.batch
        model.train()
        for k, first in enumerate(range(0, max(min(FEW, len(self.train)) - batch + 1, 1), batch) if norms else ()):
            for norm in norms:
                norm.momentum = 1 / (k + 1)
            model(self.train[first : first + batch])
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
