"""A model remembers which bodies and motions it was trained on, and a forecast says what lies outside of them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch

import lieham
from lieham.dynamics.trained_range import TrainedRange
from lieham.errors import FileError, LiehamWarning
from lieham.models import HLieConv, VectorPotentialLieConv, load_model, save_model
from lieham.state import Bodies, Trajectory
from systems import MagneticSprings, Springs

D = torch.float64


@pytest.fixture(scope="module")
def data():
    return Springs(4).generate(20, 4, 4, points=8)


@pytest.fixture(scope="module")
def trained(data):
    model = HLieConv("SE(2)", 1, width=8)
    lieham.fit(model, data, steps=1, refine=0)
    return model


def sentences(model, start, steps=3) -> tuple[str, ...]:
    """What a forecast says of its range; it must warn of it and of nothing else."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = lieham.forecast(model, start, steps).warnings
    said = [str(x.message) for x in caught if x.category is LiehamWarning]
    assert len(said) <= 2 and all(any(x in text for text in said) for x in found) and bool(said) == bool(found)
    return found


def with_bodies(x: Trajectory, **changes) -> Trajectory:
    return replace(x, bodies=replace(x.bodies, **changes))


def test_the_range_is_that_of_the_training_split(trained, data):
    known, x = trained.trained_range(), data.train
    assert known.count.tolist() == [4, 4]
    assert known.mass.tolist() == [x.bodies.mass.min(), x.bodies.mass.max()]
    assert known.feature.tolist() == [[x.bodies.features.min(), x.bodies.features.max()]]
    distance = torch.cdist(x.q, x.q)[..., *torch.triu_indices(4, 4, 1)]
    assert torch.allclose(known.distance, torch.stack([distance.min(), distance.max()]), rtol=1e-9)
    assert known.coordinate[1].tolist() == [x.q[..., 1].min(), x.q[..., 1].max()]
    assert known.speed[1] == (x.p.norm(dim=-1) / x.bodies.mass[:, None]).max()


def test_within_the_range_nothing_is_said(trained, data):
    assert sentences(trained, data.train) == ()
    moved = replace(data.train, q=data.train.q + 1000)
    assert sentences(trained, moved) == (), "SE(2) moves places freely"


def test_more_and_fewer_bodies_are_said(trained):
    for n in (3, 6):
        start = Springs(n).generate(0, 0, 1, points=2).test
        assert f"n = {n} bodies, trained on 4; the coupling may depend on n" in sentences(trained, start)


@pytest.mark.parametrize("value, word", [(12.0, "mass 12"), (0.001, "mass 0.001")])
def test_masses_are_named(trained, data, value, word):
    mass = data.train.bodies.mass[:1].clone()
    mass[0, 2] = value
    found = sentences(trained, with_bodies(data.train[:1], mass=mass))
    assert any(x.startswith(f"{word} of body 2 is beyond the trained") for x in found)


def test_features_are_named(trained, data):
    features = data.train.bodies.features[:2].clone()
    features[1, 3] = 50
    found = sentences(trained, with_bodies(data.train[:2], features=features))
    assert any("feature 0 50 of body 3 in system 1 is beyond" in x for x in found)


def test_distances_are_named_at_the_start_and_on_the_way(trained, data):
    x = data.train[:2]
    q = x.q.clone()
    q[1, :, 1] = q[1, :, 0] + 1e-6
    found = sentences(trained, replace(x, q=q))
    assert any("bodies 0 and 1 of system 1 come to 1.4e-06 at the start" in sentence for sentence in found)


def line_of(*gap: float) -> Trajectory:
    """Two bodies at distances `gap` from each other along x, one time after the other."""
    q = torch.zeros(1, len(gap), 2, 2, dtype=D)
    q[0, :, 1, 0] = torch.tensor(gap, dtype=D)
    return Trajectory.of(torch.arange(len(gap), dtype=D), q, 0 * q, Bodies.of(torch.ones(1, 2, dtype=D)))


def test_distances_on_the_way_are_named_with_their_step():
    known, group = TrainedRange(0, 2).double(), lieham.make_group("T(2)")
    known.extend(line_of(1.0, 1.5, 2.0))
    near, far = line_of(1.5, 0.9, 0.1, 1.0), line_of(1.5, 3.0, 9.0)
    assert known.motion_outside(near, group) == ["bodies 0 and 1 come to 0.1 at step 2, nearest in training 1"]
    assert known.motion_outside(far, group) == ["bodies 0 and 1 are 9 apart at step 2, farthest in training 2"]
    assert known.motion_outside(line_of(1.5, 0.7, 3.0), group) == []


def test_speeds_and_places_are_named(data):
    model = HLieConv("SO(2)", 1, width=8)
    model.trained_range().extend(data.train)
    fast = replace(data.train[:1], p=500 * data.train.p[:1])
    assert any("|p|/m" in x and "at most" in x for x in sentences(model, fast))
    far = replace(data.train[:1], q=data.train.q[:1] + torch.tensor([0.0, 100.0], dtype=D))
    found = sentences(model, far)
    assert any(x.startswith("coordinate 1 of body") for x in found)
    assert not any(x.startswith("coordinate 0") for x in found)


def test_padded_bodies_are_not_looked_at(trained, data):
    x = data.train[:1]
    mask = torch.tensor([[True, True, True, False]])
    known = TrainedRange(1, 2).double()
    known.extend(Trajectory.of(x.times, x.q, x.p, Bodies.of(x.bodies.mass, x.bodies.features, mask)))
    assert known.count.tolist() == [3, 3] and known.mass[1] == x.bodies.mass[0, :3].max()
    assert known.distance.isfinite().all()


def test_a_model_that_was_never_trained_says_nothing(data):
    assert sentences(HLieConv("SE(2)", 1, width=8), data.test) == ()
    assert lieham.forecast(Springs(4).hamiltonian(), data.test, 2).warnings == ()


def test_a_model_in_a_magnetic_field_remembers_too():
    few = MagneticSprings(3).generate(6, 2, 2, points=6)
    model = VectorPotentialLieConv("SO(2)xT(1)", 1, width=8)
    lieham.fit(model, few, ridge=False, steps=1, refine=0)
    assert model.trained_range().count.tolist() == [3, 3]


def test_the_range_is_saved_with_the_model(trained, data, tmp_path):
    save_model(trained, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert torch.equal(again.trained_range().mass, trained.trained_range().mass)
    start = Springs(6).generate(0, 0, 1, points=2).test
    assert sentences(again, start)[0] == "n = 6 bodies, trained on 4; the coupling may depend on n"


def test_a_file_of_an_older_format_is_refused_with_the_reason(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("lieham.models.io.FORMAT", "lieham.model/7")
    save_model(trained, tmp_path / "m.safetensors")
    monkeypatch.undo()
    with pytest.raises(FileError, match=r"lieham.model/9.*of lieham.model/7, which lacks the range of its training"):
        load_model(tmp_path / "m.safetensors")
