"""Forces and energies in the data are learned from, with or without motion; what cannot use them says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lieham
from lieham.data import load, save
from lieham.data.arrays import trajectory_of
from lieham.errors import InputError
from lieham.state import Bodies, Trajectory
from systems import Bending, Springs


def labeled(law, count, seed=0, points=1):
    """Configurations at rest with their true forces; times tell nothing."""
    state, bodies = law.sample(count * points, torch.Generator().manual_seed(seed))
    q = state.q.unflatten(0, (count, points))
    bodies = bodies.map(lambda x: x.unflatten(0, (count, points))[:, 0])
    forces = law.field(bodies.over_time()).force(torch.zeros(()).double(), q)
    times = torch.arange(points).double()
    return Trajectory.of(times, q, torch.zeros_like(q), bodies).with_labels(forces)


def force_error(law, model, x):
    with torch.no_grad():
        found = model.field(x.bodies.over_time()).force(torch.zeros(()).double(), x.q)
    return float((found - x.forces).square().mean().sqrt() / x.forces.square().mean().sqrt())


def test_a_law_is_learned_from_configurations_without_time():
    law = Springs(4, 2)
    data = lieham.Dataset(labeled(law, 60), test=labeled(law, 20, 1))
    model = lieham.HLieConv("SE(2)", data.n_features)
    history = lieham.fit(model, data, steps=0, refine=0)
    assert force_error(law, model, data.test) < 1e-9, "a law of pairs is found to the ridge"
    assert history.baselines["split"] == "test" and {"model", "mean force"} <= set(history.baselines["scores"])


def test_angles_are_learned_from_forces():
    law = Bending(3, 2)
    data = lieham.Dataset(labeled(law, 150), test=labeled(law, 20, 1))
    model = lieham.HLieConv("SE(2)", data.n_features)
    lieham.fit(model, data, steps=0, refine=0)
    assert model.config["lift"]["kind"] == "tensor"
    assert force_error(law, model, data.test) < 1e-2
    pairs = lieham.HLieConv("SE(2)", data.n_features, lift="coset")
    lieham.fit(pairs, data, steps=0, refine=0)
    assert force_error(law, pairs, data.test) > 0.05, "no sum over pairs holds it"


def test_labels_are_believed_and_not_the_motion():
    """Momenta that do not belong to the law change nothing, since the forces are given."""
    law = Springs(3, 2)
    x = labeled(law, 30)
    moved = Trajectory.of(x.times, x.q, torch.ones_like(x.p), x.bodies).with_labels(x.forces)
    found = []
    for train in (x, moved):
        model = lieham.HLieConv("SE(2)", 1)
        lieham.fit(model, lieham.Dataset(train), steps=0, refine=0)
        found.append(model.potential(x.q[:, 0], x.bodies))
    torch.testing.assert_close(found[0], found[1])


def test_gradient_stages_learn_from_forces():
    data = lieham.Dataset(labeled(Springs(3, 2), 30, points=2))
    model = lieham.HLieConv("SE(2)", 1, width=8)
    history = lieham.fit(model, data, steps=40, refine=3, ridge=False)
    assert history.best < 0.1, "no force at all has a loss of about 1"


def test_a_model_with_momenta_in_its_potential_refuses_forces():
    data = lieham.Dataset(labeled(Springs(3, 2), 10, points=4))
    with pytest.raises(InputError, match="forces must be learned by a model with H = K"):
        lieham.fit(lieham.VectorPotentialLieConv("SO(2)", 1), data, steps=0, refine=0)


def arrays(count=6):
    x = labeled(Springs(3, 2), count)
    return {"q": x.q[:, 0].numpy(), "forces": x.forces[:, 0].numpy(), "mass": x.bodies.mass.numpy()}


def test_files_hold_single_configurations_and_trajectories_with_labels(tmp_path):
    given = arrays() | {"energy": np.arange(6.0)}
    x = trajectory_of(given, "here")
    assert x.q.shape == (6, 1, 3, 2) and torch.equal(x.forces[:, 0], torch.from_numpy(given["forces"]))
    save(lieham.Dataset(x), tmp_path / "x.h5")
    again = load(tmp_path / "x.h5").train
    assert torch.equal(again.forces, x.forces) and torch.equal(again.energy, x.energy)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"forces": np.zeros((6, 2, 2))}, "forces must be of shape"),
        ({"energy": np.zeros(5)}, "energy must be of shape"),
        ({"forces": np.full((6, 3, 2), np.nan)}, "forces must be finite"),
    ],
)
def test_wrong_labels_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        trajectory_of(arrays() | change, "here")


def test_energies_alone_are_refused():
    given = {k: x for k, x in arrays().items() if k != "forces"} | {"energy": np.zeros((6, 1)), "times": np.zeros(1)}
    given |= {"q": given["q"][:, None], "v": np.zeros((6, 1, 3, 2))}
    with pytest.raises(InputError, match="forces must be there where array energy is"):
        trajectory_of(given, "here")


def test_padding_has_no_forces():
    x = labeled(Springs(3, 2), 4)
    mask = torch.tensor([True, True, False])
    padded = Trajectory.of(x.times, x.q * mask[:, None], x.p, Bodies.of(x.bodies.mass, None, mask.expand(4, 3)))
    assert bool((padded.with_labels(x.forces).forces[..., 2, :] == 0).all())
