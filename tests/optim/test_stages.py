"""Stages of training: Adam with clipping, averages and a schedule, and refinement by L-BFGS."""

from __future__ import annotations

import math

import pytest
import torch

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import IntegrationError
from lieham.optim import lbfgs
from lieham.optim.adam import AdamStage
from lieham.optim.lbfgs import LBFGSStage
from lieham.training import fit
from lieham.training.config import TrainConfig
from tests.helpers.refusals import says
from tests.helpers.training import QUICK, data

pytestmark = pytest.mark.usefixtures("short_chunks")


def square_loss(module: torch.nn.Linear, scale: float = 1.0):
    return lambda: scale * (module.weight - 1).square().sum()


def linear() -> torch.nn.Linear:
    module = torch.nn.Linear(3, 2, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(module.weight)
    return module


@pytest.mark.parametrize("clip, bound", [(1e-3, True), (1e3, False)])
def test_the_gradient_is_clipped(clip, bound):
    module = linear()
    AdamStage(module, TrainConfig(clip=clip)).step(square_loss(module))
    norm = module.weight.grad.norm().item()
    # The gradient is −2 in each of 6 places; torch divides by the norm + 1e-6.
    assert norm == pytest.approx(clip if bound else math.sqrt(24), rel=1e-6)


@pytest.mark.parametrize("ema", [0.0, 0.6])
def test_the_average_and_the_schedule(ema):
    module = linear()
    stage = AdamStage(module, TrainConfig(steps=10, lr=0.1, ema=ema))
    expected = None
    for k in range(5):
        # Adam's step in torch is lr · m̂ / (√v̂ + ε); the cosine takes lr from 0.1 to 0.
        assert stage.optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * (1 + math.cos(math.pi * k / 10)))
        stage.step(square_loss(module))
        weight = module.weight.detach()
        expected = weight.clone() if expected is None else ema * expected + (1 - ema) * weight
    torch.testing.assert_close(stage.model.weight.detach(), expected, rtol=1e-14, atol=0)
    assert torch.equal(stage.model.weight, module.weight) == (ema == 0)


@pytest.mark.parametrize("make, settings", [(AdamStage, QUICK), (LBFGSStage, QUICK.refine)])
@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_training(scale, make, settings):
    module = linear()
    step = make(module, settings).step
    says(IntegrationError, lambda: step(square_loss(module, scale)), "the training loss became", "lower lr")
    assert torch.equal(module.weight, linear().weight), "the weights are those before the step"


@pytest.mark.parametrize("how", ["inf", "nan", "raised"])
def test_refinement_steps_back_from_where_the_flow_diverges(how, full_chunks):
    """−w − 0.1 log(1.2 − w) is least at 1.1; L-BFGS overshoots beyond 1.2, where it has no value."""
    module, outside = linear(), []

    def loss():
        if module.weight.detach().max() >= 1.2:
            outside.append(1)
            if how == "raised":
                raise IntegrationError("the state left the finite numbers")
            return module.weight.sum() * getattr(math, how)
        return (-module.weight - 0.1 * torch.log(1.2 - module.weight)).sum()

    LBFGSStage(module, 50).step(loss)
    assert outside, "the line search met the edge"
    # The minimum is flat: w is known to the root of the 1e-16 that the loss is known to.
    torch.testing.assert_close(module.weight.detach(), torch.full((2, 3), 1.1, dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize("refine, chunks", [(1, 1), (50, 1), (51, 2), (70, 2), (110, 3), (200, 4)])
def test_refinement_does_the_iterations_asked_for(refine, chunks, full_chunks):
    stage = LBFGSStage(linear(), refine)
    assert math.ceil(refine / stage.stride) == chunks
    assert refine <= chunks * stage.stride < refine + chunks, "no more than the rounding of equal chunks"
    assert stage.stride <= lbfgs.REFINE_CHUNK


class Explosive(torch.nn.Module):
    """H = e^{w |q|²}: its gradient overflows where w does."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(1e4, dtype=torch.float64))

    def forward(self, state, bodies):
        return torch.exp(self.w * state.q.square().sum((-1, -2))) + state.p.square().sum((-1, -2))


@pytest.mark.parametrize("stage", [{"steps": 3, "refine": 0}, {"steps": 0, "refine": 3}], ids=["adam", "refine"])
def test_a_flow_that_diverges_is_named(stage):
    model = GeneralHamiltonian(Explosive())
    with pytest.raises(IntegrationError):
        fit(model, data(), config=QUICK, method="rk4", **stage)
    assert model.function.w.item() == 1e4
