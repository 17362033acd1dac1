"""Settings that `lieham train qm9` has by default; nothing here imports torch."""

from __future__ import annotations

from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig

QM9_MODEL = CloudModelConfig(128, 3)

QM9_TRAIN = CloudTrainConfig(steps=800, batch=64, lr=1e-2)
