"""Models that declare O(d) and E(d): they learn, are kept in files, and keep the charges and the mirror images."""

from __future__ import annotations

import pytest
import torch

import lieham
import systems
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.models import HLieConv
from tests.helpers.cases import cloud, randomise
from tests.helpers.refusals import says


@pytest.fixture(scope="module")
def data():
    return systems.Springs(2, 3).generate(12, 4, 4, seed=0, points=12)


@pytest.mark.parametrize(
    "group, same",
    [
        ("E(3)", "SE(3)"),
        *(pytest.param(*x, marks=pytest.mark.slow) for x in (("O(3)", "SO(3)"), ("E(2)xT(1)", "SE(2)xT(1)"))),
    ],
)
def test_the_default_learns_forecasts_and_keeps_what_the_motions_keep(group, same, data, tmp_path):
    model = HLieConv(group, data.n_features, width=16)
    found = lieham.fit(model, data)
    assert found.learner.startswith("ridge regression") and found.best < 1e-12
    lieham.save_model(model, tmp_path / "model.safetensors")
    loaded = lieham.load_model(tmp_path / "model.safetensors")
    assert loaded.group.name == group and type(loaded.group) is type(model.group)
    report = lieham.conservation(lieham.forecast(loaded, data.test, steps=50))
    for name in make_group(same).charges:
        assert report.certificate(name).model == "yes" and report[name].drift.max() < 1e-12, name


@pytest.mark.parametrize("name", ["O(2)", "E(2)", "O(3)", "E(4)", "O(2)xT(1)"])
def test_the_energy_of_a_mirror_image_is_the_same(name):
    model = randomise(HLieConv(name, 2, width=16))
    q, _, bodies = cloud(model.group.space_dim)
    value = model.potential(q, bodies)
    for g in model.group.sample(8, generator=torch.Generator().manual_seed(0)):
        moved = q @ g[:-1, :-1].mT + g[:-1, -1]
        assert (model.potential(moved, bodies) - value).abs().max() < 1e-11 * value.abs().max()
    assert (model.potential(1.1 * q, bodies) - value).abs().max() > 1e-3 * value.abs().max()


@pytest.mark.parametrize("name", ["O(3)", "SO(2)xT(1)", "SE(2)xT(1)", "T(3)"])
def test_tensors_are_for_rigid_motions(name):
    """About an origin or an axis a kernel sees more than differences; these moments would not see it."""
    says(InputError, lambda: HLieConv(name, lift="tensor"), f"lift must be PointLift or CosetLift for {name}", "E(d)")
