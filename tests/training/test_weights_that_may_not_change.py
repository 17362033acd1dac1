"""`fit` where gradients are off, where weights are frozen, and in precisions that cannot be trained."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

import lieham
from lieham.data import CloudDataset, Dataset, PointClouds
from lieham.errors import InputError
from lieham.training import fit
from systems import Springs
from tests.helpers.refusals import says
from tests.helpers.training import LAW, QUICK, data, equal, same_weights, small_model

RIDGE = {"ridge": True, "steps": 0, "refine": 0}
pytestmark = pytest.mark.usefixtures("short_chunks")


def clouds() -> CloudDataset:
    x = PointClouds.of(torch.rand(6, 5, 2), torch.rand(6, 5, 1), torch.tensor([0, 1, 0, 1, 0, 1]))
    return CloudDataset(x, x)


def classifier() -> lieham.LieConvClassifier:
    return lieham.LieConvClassifier("SE(2)", 1, classes=2, width=8, blocks=1)


# Gradients that the caller has switched off


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("settings", [{}, RIDGE])
def test_training_goes_on_where_gradients_are_off(off, settings):
    inside, outside = small_model(), small_model()
    rows = fit(outside, data(), config=QUICK, **settings).rows
    with off():
        found = fit(inside, data(), config=QUICK, **settings)
        assert not torch.is_grad_enabled()
    assert equal(found.rows, rows) and same_weights(inside, outside)
    assert not same_weights(inside, small_model())
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_clouds_are_learned_from_where_gradients_are_off(off):
    model, x = classifier(), clouds()
    with off():
        fit(model, x, steps=2, batch=3)
    assert not same_weights(model, classifier())


def test_what_was_made_in_inference_mode_is_refused():
    with torch.inference_mode():
        model, points = small_model(), LAW.generate(4, 2, 0, points=5)
        seen = Dataset(points.train.to(dtype=torch.float32), None)
    remedy = "must be made outside torch.inference_mode()"
    says(InputError, lambda: fit(model, data(), config=QUICK), f"model {remedy}", "got potential")
    for wrong in (points, seen, replace(data(), val=points.val)):
        says(InputError, lambda wrong=wrong: fit(small_model(), wrong, config=QUICK), f"data {remedy}", "got ")


# Weights that are frozen


def test_a_model_whose_weights_are_all_frozen_is_refused():
    for model, x, settings in ((small_model(), data(), {"config": QUICK}), (classifier(), clouds(), {"steps": 1})):
        model.requires_grad_(False)
        before = copy.deepcopy(model)
        says(InputError, lambda m=model, x=x, s=settings: fit(m, x, **s), "model must have weights that may change")
        assert same_weights(model, before)
        fit(model.requires_grad_(), x, **settings)
        assert not same_weights(model, before)


def test_a_model_without_weights_is_refused():
    says(
        InputError, lambda: fit(LAW.hamiltonian(), data()), "model must have weights to be learned", "got a ", "without"
    )


def named(model: torch.nn.Module, part: str) -> list[str]:
    return [name for name, _ in model.named_parameters() if part in name]


@pytest.mark.parametrize("part", ["kernel", "embed", "kernel.skip"])
@pytest.mark.parametrize("settings", [{}, {"ridge": True, "tolerance": 0.0}])
def test_frozen_weights_stay_and_the_others_are_learned(part, settings):
    model = small_model()
    frozen = named(model, part)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name not in frozen)
    before = {name: x.clone() for name, x in model.named_parameters()}
    history = fit(model, data(), config=QUICK, **settings)
    after = dict(model.named_parameters())
    assert frozen and all(torch.equal(after[name], before[name]) for name in frozen)
    assert not all(torch.equal(after[name], x) for name, x in before.items())
    ridge = any(row["stage"] == "ridge" for row in history.rows)
    assert ridge == (settings != {} and "kernel" not in part), "regression changes the kernel, so it is left out"


def test_frozen_weights_leave_the_lift_as_it_is():
    """`adopt` would replace them all."""
    model = lieham.HLieConv("SE(2)", 1, width=8)
    assert model.richer()
    next(model.parameters()).requires_grad_(False)
    assert not model.richer()


# The linear stage alone


def test_ridge_regression_alone_is_a_whole_training(tmp_path):
    x = Springs(3, 2).generate(30, 6, 0, points=20)
    model = lieham.HLieConv("SE(2)", 1, width=16)
    history = fit(model, x, steps=0, refine=0, tolerance=0, run=tmp_path / "run")
    assert [row["stage"] for row in history.rows] == ["ridge"] and history.best < 1e-8
    again = lieham.HLieConv("SE(2)", 1, width=16)
    assert fit(again, x, steps=0, refine=0, tolerance=0, run=tmp_path / "run", resume=True).best == history.best
    assert same_weights(model, again)


@pytest.mark.parametrize("block", ["gated", "paper"])
def test_nothing_to_do_is_refused(block, tmp_path):
    model = lieham.HLieConv("SE(2)", 1, width=8, block=block)
    says(InputError, lambda: fit(model, data(), steps=0, refine=0, ridge=False), "must not both be 0 where ridge=False")
    if block == "paper":
        run = tmp_path / "run"
        wanted = "steps and refine must not both be 0 where ridge regression has nothing to solve"
        says(InputError, lambda: fit(model, data(), steps=0, refine=0, run=run), wanted, "say steps=500")
        assert not run.exists()


# Precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.complex64])
def test_a_precision_that_cannot_be_trained_is_named(dtype):
    class Own(lieham.Hamiltonian):
        def __init__(self) -> None:
            super().__init__()
            self.k = torch.nn.Parameter(torch.ones((), dtype=dtype))

        def energy(self, state, bodies):
            return self.k * state.q.square().sum((-2, -1)) + state.p.square().sum((-2, -1)) / 2

    name = str(dtype).removeprefix("torch.")
    real = dtype.is_floating_point
    remedy = "say model.double() or model.float()" if real else "let its weights be real"
    says(InputError, lambda: fit(Own(), data()), "model must be in float32 or float64", f"got k in {name}", remedy)
    if real:
        fit(Own().double(), data(), config=QUICK)
