"""What is compared: lieham as its users get it, and the baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from math import ceil

from torch import nn

from lieham import HLieConv, SeparableHamiltonian, VectorPotentialLieConv
from lieham.training.config import TrainConfig
from systems import System


@dataclass(frozen=True)
class Entry:
    """How a model is made for a law, features of a body and seed, and how it is trained."""

    make: Callable[[System, int, int], nn.Module]
    training: Callable[[int, int], TrainConfig]


def models() -> dict[str, Entry]:
    """Every model by its name; lieham alone where there is no package of baselines."""
    own = {"lieham": Entry(own_model, own_training)}
    if find_spec("benchmarks.baselines") is None:
        return own
    baselines = import_module("benchmarks.baselines").BASELINES
    return own | {name: _entry(x) for name, x in baselines.items()}


def own_model(law: System, features: int, seed: int) -> nn.Module:
    """The library's defaults, with the symmetry of the law; for canonical momenta the model that has them."""
    kind = HLieConv if isinstance(law.hamiltonian(), SeparableHamiltonian) else VectorPotentialLieConv
    return kind(law.symmetry, features, seed=seed)


def own_training(n_train: int, seed: int) -> TrainConfig:
    """What `lieham.fit(model, data, seed=seed)` does."""
    return TrainConfig(seed=seed)


def shortened(config: TrainConfig, share: float) -> TrainConfig:
    """The same training with a share of its steps."""
    steps, refine = ceil(share * config.steps), ceil(share * config.refine)
    return replace(config, steps=steps, refine=refine)


def _entry(baseline) -> Entry:
    def make(law: System, features: int, seed: int) -> nn.Module:
        return baseline.make(law.n_bodies, law.dim, features, law.symmetry, seed)

    return Entry(make, lambda n_train, seed: replace(baseline.training(n_train), seed=seed))
