"""Settings that `lieham train qm9` has by default; nothing here imports torch."""

from __future__ import annotations

from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig

QM9_MODEL = CloudModelConfig(128, 3)


QM9_TARGETS = ("alpha", "gap", "homo", "lumo", "mu", "cv", "g", "h", "r2", "u", "u0", "zpve")
"""Every property of `qm9_targets.TARGETS` by its name."""

QM9_TRAIN = CloudTrainConfig(steps=800, batch=64, lr=1e-2)
