"""Models that lieham is compared with, trained by `lieham.fit` in float64, in the data's own units, without centring.

Learning rates are the best of `tuning.RATES` by `python -m benchmarks tuning`: see `benchmarks/README.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.baselines.dense import FC, DenseForce, DensePotential
from benchmarks.baselines.equivariant import EGNNForce, FLieConv
from benchmarks.baselines.graph import OGN, GraphEnergy, GraphPotential
from benchmarks.baselines.learners import Energy, Potential
from lieham import HLieConv
from lieham.groups import make_group
from lieham.lift import PointLift
from lieham.training.config import TrainConfig

Build = Callable[[int, int, int], nn.Module]
"""A model for so many bodies, dimensions, and features beside the mass."""

PAPER = {"block": "paper", "width": 64, "blocks": 2}
"""The paper's blocks at a size that trains in minutes on two cores; its own is 384 wide and 4 deep."""


@dataclass(frozen=True)
class Baseline:
    """A baseline: how it is built, and its learning rate; all other settings are the library's defaults."""

    build: Build
    lr: float

    def make(self, n_bodies: int, dim: int, features: int, group: str, seed: int) -> nn.Module:
        """The model with the initial weights of this seed; it takes no notice of the law's group."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build(n_bodies, dim, features)

    def training(self, n_train: int) -> TrainConfig:
        """Adam and L-BFGS, as many steps as lieham has where its ridge stage is not enough."""
        return TrainConfig(lr=self.lr, ridge=False)


def _paper(name: str) -> Build:
    """With the pair coordinates alone, as in the paper; SO(3), whose points it samples, has our exact coset lift."""

    def build(n: int, dim: int, features: int) -> nn.Module:
        group = make_group(f"{name}({dim})")
        lift = PointLift(group, bases=0) if group.acts_freely else None
        return HLieConv(group, features, lift=lift, seed=int(torch.randint(2**31, ())), **PAPER)

    return build


BASELINES: dict[str, Baseline] = {
    "FC": Baseline(FC, 1e-3),
    "second-order ODE": Baseline(DenseForce, 1e-3),
    "HFC": Baseline(lambda n, d, c: Potential(DensePotential(n, d, c)), 1e-3),
    "OGN": Baseline(lambda n, d, c: OGN(d, c), 1e-2),
    "HOGN": Baseline(lambda n, d, c: Energy(GraphEnergy(d, c)), 1e-2),
    "VOGN": Baseline(lambda n, d, c: Potential(GraphPotential(d, c)), 1e-2),
    "EGNN force": Baseline(lambda n, d, c: EGNNForce(d, c), 1e-2),
    "LieConv-Trivial": Baseline(_paper("Trivial"), 1e-2),
    "LieConv-T": Baseline(_paper("T"), 1e-2),
    "LieConv-SO": Baseline(_paper("SO"), 1e-2),
    "FLieConv-T": Baseline(lambda n, d, c: FLieConv(d, c, PAPER["width"], PAPER["blocks"]), 1e-3),
}
"""Every trained baseline by its name; those without training are `scoring.UNTRAINED_BASELINES`."""
