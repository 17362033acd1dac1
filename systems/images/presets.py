"""Settings that `lieham train digits` has by default; nothing here imports torch."""

from __future__ import annotations

from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig

DIGITS_MODEL = CloudModelConfig(64, 3, most=32, fill=0.04, keep=0.05, growth=4.0, kernel_dim=8)

DIGITS_TRAIN = CloudTrainConfig(steps=800, lr=1e-2, redraw=False)
