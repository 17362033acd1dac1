"""Models are in float32 or float64, and see positions and bodies of their own precision; others are named."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.errors import InputError
from lieham.state import PhaseState
from tests.helpers.cases import CLOUD_MODELS, MODELS, cloud, clouds, make_cloud_model, make_model
from tests.helpers.refusals import says
from tests.helpers.training import data, same_weights, small_model

HALVES = (
    lambda x: x.half(),
    lambda x: x.bfloat16(),
    lambda x: x.to(torch.float16),
    lambda x: x.to(dtype=torch.bfloat16),
    lambda x: x.type(torch.float16),
    lambda x: torch.nn.Sequential(x).half(),
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_model(next(iter(MODELS))),
        small_model,
        lambda: make_cloud_model(next(iter(CLOUD_MODELS))),
        lambda: lieham.VectorPotentialLieConv("T(2)", 1, width=8),
    ],
)
@pytest.mark.parametrize("half", HALVES)
def test_half_precision_is_refused_and_changes_nothing(make, half):
    model = make()
    says(InputError, lambda: half(model), "model must be in float32 or float64", "float16", 'products="bfloat16"')
    assert same_weights(model, make())


def test_other_conversions_pass():
    model = small_model()
    assert next(model.float().parameters()).dtype == torch.float32
    assert same_weights(model.double(), small_model().float().double())
    assert next(model.to("meta").parameters()).device.type == "meta"


@pytest.mark.parametrize("name", MODELS)
def test_a_state_of_another_precision_is_named(name):
    model = make_model(name)
    q, p, bodies = cloud(model.group.space_dim)
    state, low = PhaseState(q, p), PhaseState(q.float(), p.float())
    wanted = ("positions must be in float64 like the model, got float32", "model.to(torch.float32)")
    says(InputError, lambda: model.energy(low, bodies), *wanted)
    field, zero = model.field(bodies), torch.zeros(())
    says(InputError, lambda: field(zero, low), *wanted)
    with torch.no_grad():
        field = model.field(bodies)
        says(InputError, lambda: field(zero, low), *wanted)
    assert torch.isfinite(model.energy(state, bodies)).all()
    small = make_model(name).float()
    says(InputError, lambda: small.energy(state, bodies), "positions must be in float32 like the model, got float64")
    own = "features and masses must be in float32 like the model, got float64"
    says(InputError, lambda: small.energy(low, bodies), own)
    assert torch.isfinite(small.energy(low, bodies.to(dtype=torch.float32))).all()


@pytest.mark.parametrize("name", CLOUD_MODELS)
def test_clouds_of_another_precision_are_named(name):
    model = make_cloud_model(name)
    x = clouds(model.group.space_dim)
    other = torch.float64 if x.points.dtype == torch.float32 else torch.float32
    says(InputError, lambda: lieham.predict(model, x.to(dtype=other)), "positions must be in", "like the model, got")
    assert len(lieham.predict(model, x)) == len(x)


def test_a_forecast_and_a_training_convert_what_they_are_given():
    low = data().train.to(dtype=torch.float32)
    assert lieham.forecast(small_model(), low, 2).trajectory.q.dtype == torch.float64
    lieham.fit(small_model(), lieham.Dataset(low), steps=1, refine=0)
