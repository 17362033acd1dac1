"""Training: `fit`, its settings and its losses."""

from lieham.config import CloudTrainConfig, TrainConfig
from lieham.training.fit import RunFolder, fit
from lieham.training.loop import History, Trainer
from lieham.training.loss import ShootingLoss

__all__ = ["CloudTrainConfig", "History", "RunFolder", "ShootingLoss", "TrainConfig", "Trainer", "fit"]
