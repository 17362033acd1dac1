"""Coarse samples of an exact law: the loss takes more steps of the integrator where its own error counts."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from lieham import HLieConv
from lieham.data import Dataset
from lieham.losses import ShootingLoss
from lieham.losses.shooting import MOST_SUBSTEPS
from lieham.training import TrainConfig
from systems import Springs
from tests.helpers.cases import trainer_of

LAW = Springs(3, 2)


@cache
def sampled(every: int) -> Dataset:
    """Every so many points of exact trajectories."""
    whole = LAW.generate(30, 4, 4, points=8 * every + 1)
    cut = {}
    for name, x in whole.splits.items():
        cut[name] = type(x).of(x.times[:, ::every], x.q[:, ::every], x.p[:, ::every], x.bodies)
    return Dataset(**cut)


@cache
def learned(every: int, substeps: int) -> tuple[int, float]:
    """The substeps that the loss takes in the end, and the error of the force on test data."""
    x = sampled(every)
    trainer = trainer_of(HLieConv("SE(2)", 1), x.train, x.val, TrainConfig(substeps=substeps))
    stage = trainer.stages[0]
    stage.step(trainer._fixed_loss)
    at = x.test.q.flatten(0, 1)
    bodies = x.test.bodies.map(lambda y: y.repeat_interleave(x.test.q.shape[1], 0))
    with torch.no_grad():
        found = stage.model.field(bodies).force(torch.zeros(()), at)
        true = LAW.field(bodies).force(torch.zeros(()), at)
    return trainer.task.loss.substeps, ((found - true).norm() / true.norm()).item()


def test_the_loss_takes_more_steps_where_its_integrator_errs():
    """With one step, the corrections fit what the integrator gets wrong, which is then in the force."""
    taken, error = learned(4, 0)
    one, coarse = learned(4, 1)
    assert 1 < taken <= MOST_SUBSTEPS and one == 1
    assert error < 1e-2 * coarse


@pytest.mark.parametrize(
    ("substeps", "method", "refinable"), [(0, "rkn4", True), (1, "rkn4", False), (3, "rk4", False)]
)
def test_substeps_that_are_asked_for_are_kept(substeps, method, refinable):
    loss = ShootingLoss(1, method, substeps)
    assert loss.refinable is refinable and loss.substeps == max(substeps, 1)
    loss.take(4)
    assert loss.substeps == loss.integrator.substeps == 4
