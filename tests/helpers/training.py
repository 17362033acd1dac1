"""A small model, few data, a quick configuration, and bitwise comparison."""

from __future__ import annotations

from functools import cache

import torch

from lieham.data import Dataset
from lieham.models import HLieConv
from lieham.training.config import TrainConfig
from systems import Springs
from tests.helpers.cases import trainer_of

LAW = Springs(3, 2)
QUICK = TrainConfig(ridge=False, steps=8, refine=12, evaluate_every=2, batch=6, refine_windows=8, window=3)
"""8 Adam steps with 4 validations, then two chunks of 6 L-BFGS iterations (see `short_chunks`)."""


@cache
def data(points: int = 5) -> Dataset:
    return LAW.generate(20, 4, 4, points=points)


def small_model(dtype: torch.dtype = torch.float64, seed: int = 0, width: int = 8) -> HLieConv:
    return HLieConv("SE(2)", 1, width=width, seed=seed, dtype=dtype, lift="coset")


def equal(a: object, b: object) -> bool:
    """Bit for bit, through dicts and lists; `seconds` may differ."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a if k != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return equal(a.state_dict(), b.state_dict())


def new_trainer(config: TrainConfig = QUICK) -> Trainer:
    return trainer_of(small_model(), data().train, data().val, config)
