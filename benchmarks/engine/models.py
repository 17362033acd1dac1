"""The models that are compared: lieham with its defaults, and the baselines."""

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
    """A model to compare: `make(law, features, seed)` builds it, `training(n_train, seed)` says how it is trained."""

    make: Callable[[System, int, int], nn.Module]
    training: Callable[[int, int], TrainConfig]


def models() -> dict[str, Entry]:
    """Return every model by its name, which is lieham only where the package of baselines is missing."""
    own = {"lieham": Entry(own_model, own_training)}
    if find_spec("benchmarks.baselines") is None:
        return own
    baselines = import_module("benchmarks.baselines").BASELINES
    return own | {name: _entry(x) for name, x in baselines.items()}


def own_model(law: System, features: int, seed: int) -> nn.Module:
    """Make the library's default model for the law's symmetry; where momenta are canonical, the one that has them."""
    kind = HLieConv if isinstance(law.hamiltonian(), SeparableHamiltonian) else VectorPotentialLieConv
    return kind(law.symmetry, features, seed=seed)


def own_training(n_train: int, seed: int) -> TrainConfig:
    """Return the settings that `lieham.fit(model, data, seed=seed)` uses."""
    return TrainConfig(seed=seed)


def shortened(config: TrainConfig, share: float) -> TrainConfig:
    """Return the same training with a share of its steps."""
    steps, refine = ceil(share * config.steps), ceil(share * config.refine)
    return replace(config, steps=steps, refine=refine)


def _entry(baseline) -> Entry:
    def make(law: System, features: int, seed: int) -> nn.Module:
        return baseline.make(law.n_bodies, law.dim, features, law.symmetry, seed)

    return Entry(make, lambda n_train, seed: replace(baseline.training(n_train), seed=seed))
