"""A model or data of the wrong kind are named, wherever they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lieham
from lieham.data import CloudDataset, Dataset, describe
from lieham.errors import InputError, check_offers
from lieham.evaluate import evaluation
from tests.helpers.refusals import says
from tests.helpers.training import data, small_model

CLOUDS = lieham.PointClouds.of(torch.rand(4, 9, 2), torch.rand(4, 9, 1), torch.tensor([0, 1, 1, 0]))
CLASSIFIER = lieham.LieConvClassifier("SE(2)", 1, classes=2, width=8, blocks=1)
REGRESSOR = lieham.LieConvRegressor("SE(2)", 1, width=8, blocks=1)
X = data().test
NO_MODELS = [torch.nn.Linear(2, 2), None, "runs/mine", X, lambda q: q]


@pytest.mark.parametrize("model", [CLASSIFIER, REGRESSOR, *NO_MODELS], ids=lambda x: type(x).__name__)
def test_what_is_no_hamiltonian_is_not_forecast(model, tmp_path):
    wanted = ("model must be a Hamiltonian, such as HLieConv", f"got a {type(model).__name__}")
    says(InputError, lambda: lieham.forecast(model, X, 2, out=tmp_path / "f.h5"), *wanted)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("initial", [data(), CLOUDS, None, X.q, "data.npz"], ids=lambda x: type(x).__name__)
def test_what_is_no_trajectory_starts_no_forecast(initial):
    says(
        InputError,
        lambda: lieham.forecast(small_model(), initial, 2),
        "initial must be trajectories, such as data.test",
    )


@pytest.mark.parametrize("name", ["steps", "batch"])
@pytest.mark.parametrize("value", ["5", 5.5, True])
def test_counts_are_integers(name, value):
    settings = {"steps": 2, "batch": 2, name: value}
    says(
        InputError,
        lambda: lieham.forecast(small_model(), X, **settings),
        f"{name} must be an integer of at least 1, got {value!r}",
    )


@pytest.mark.parametrize("given", [small_model(), X, data(), CLASSIFIER, None], ids=lambda x: type(x).__name__)
def test_what_is_no_forecast_has_no_conservation(given):
    says(InputError, lambda: lieham.conservation(given), "forecast must be what lieham.forecast makes, got a ")


@pytest.mark.parametrize(
    "target", [CLASSIFIER, REGRESSOR, data(), "runs/mine", 3, None], ids=lambda x: type(x).__name__
)
def test_what_has_no_positions_is_not_audited(target):
    for group in ("SE(2)", None):
        wanted = "target must be a Hamiltonian or a function of positions (b, n, d), got a"
        says(InputError, lambda group=group: lieham.audit(target, group), wanted, type(target).__name__)


@pytest.mark.parametrize("score", [lieham.predict, lieham.scores, evaluation])
def test_what_is_no_model_of_clouds_predicts_none(score):
    for model in (small_model(), *NO_MODELS):
        says(
            InputError, lambda m=model: score(m, CLOUDS), "model must be a LieConvClassifier or LieConvRegressor, got a"
        )
    for clouds in (X, CloudDataset(CLOUDS), None, CLOUDS.points):
        says(InputError, lambda c=clouds: score(CLASSIFIER, c), "clouds must be PointClouds, such as data.test, got a")
    score(CLASSIFIER, CLOUDS)


def test_other_places():
    says(InputError, lambda: lieham.save_model(NO_MODELS[0], "x"), "model must be one of HLieConv", "got a Linear")
    for given in (X, CloudDataset(CLOUDS), "data.npz", None):
        says(InputError, lambda g=given: describe(g), "dataset must be a Dataset of trajectories", "got a ")
    says(InputError, lambda: Dataset([1, 2]), "train must be a Trajectory, as Trajectory.of makes, got a list")
    says(InputError, lambda: Dataset(X, CLOUDS), "val must be a Trajectory", "got a PointClouds")
    says(InputError, lambda: CloudDataset(X), "train must be PointClouds", "got a Trajectory")
    says(InputError, lambda: lieham.fit(CLASSIFIER, data()), "model must be a Hamiltonian for a Dataset")
    numbers = np.zeros((2, 3, 2)), torch.zeros(2, 3, 1), torch.zeros(2)
    says(InputError, lambda: lieham.PointClouds.of(*numbers), "points must be a tensor, which torch.as_tensor makes")
    says(
        InputError,
        lambda: lieham.conservation(lieham.forecast(small_model(), X, 2), 3),
        "group must be a name",
        "got 3",
    )


def test_what_looks_like_one_will_do():
    """No class is asked for: whatever offers the same is taken."""

    class Own:
        def field(self): ...

    check_offers("model", Own(), "a model", ("field",))
    says(
        InputError,
        lambda: check_offers("model", Own(), "a model", ("field", "check")),
        "model must be a model, got an Own",
    )
    says(InputError, lambda: check_offers("model", 1, "a model", ("field",)), "got an int")
