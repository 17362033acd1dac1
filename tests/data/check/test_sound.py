"""The check accuses no sound data: every law, in both dimensions, however observed."""

from __future__ import annotations

import pytest
import torch

from lieham.data import Dataset, check
from lieham.state import Trajectory
from systems.names import LAWS
from tests.data.check import helpers
from tests.data.check.helpers import changed, frames, moved, noisy, of_law, padded, positions, uneven

IN_SPACE_ALONE = ("double-spring-pendulum", "falling-springs", "magnetic-springs")
SLOW = ("charged-particles",)
"""In 2-D its encounters take many steps."""
SOUND = {
    **{f"{law} in 3-D": lambda law=law: of_law(law, dim=3) for law in LAWS},
    **{f"{law} in 2-D": lambda law=law: of_law(law, dim=2) for law in LAWS if law not in (*SLOW, *IN_SPACE_ALONE)},
    "bare charges in 2-D": lambda: of_law("charged-particles", k=4, points=20, dim=2, n_bodies=4),
    "one body": lambda: of_law("springs", n_bodies=1),
    "two bodies": lambda: of_law("springs", n_bodies=2, dim=3),
    "ten bodies": lambda: of_law("springs", n_bodies=10),
    "a rest length": lambda: of_law("springs", n_bodies=4, rest_length=1.0),
    "windows of 5 points": lambda: Dataset(of_law("springs").train.window(20, 5)),
    "windows of 3 points": lambda: Dataset(of_law("gravity").train.window(20, 3)),
    "windows of 2 points": lambda: Dataset(of_law("gravity").train.window(20, 2)),
    "noise of 1 %": lambda: noisy(of_law("springs", n_bodies=4, points=150), 1e-2),
    "noise of 0.3 %": lambda: noisy(of_law("gravity", n_bodies=4, points=150), 3e-3),
    "positions alone": lambda: positions(of_law("springs", n_bodies=4)),
    "positions alone of gravity": lambda: positions(of_law("gravity", n_bodies=4, dim=3, points=150)),
    "noisy positions alone": lambda: positions(noisy(of_law("gravity", n_bodies=4, points=100), 1e-3)),
    "float32": lambda: changed(of_law("springs", n_bodies=4), lambda x: x.to(dtype=torch.float32)),
    "float32 of Lennard-Jones": lambda: changed(of_law("lennard-jones"), lambda x: x.to(dtype=torch.float32)),
    "one trajectory": lambda: of_law("gravity", k=1, n_bodies=4, points=500),
    "one short trajectory": lambda: of_law("coulomb", k=1, n_bodies=3, points=31),
    "uneven times": lambda: uneven(of_law("springs", n_bodies=4, points=150)),
    "uneven times of gravity": lambda: uneven(of_law("gravity", dim=3, n_bodies=4, points=150)),
    "padded bodies": lambda: padded(of_law("gravity", n_bodies=4)),
    "light planets": lambda: helpers.sun(),
    "lighter planets": lambda: helpers.sun(eps=1e-8),
    "steps 4 times as long": lambda: changed(of_law("springs", points=200), lambda x: frames(x, slice(0, None, 4))),
    "steps 20 times as long": lambda: changed(of_law("gravity", points=500), lambda x: frames(x, slice(0, None, 20))),
    "long steps of planets": lambda: changed(of_law("planets", points=500), lambda x: frames(x, slice(0, None, 15))),
    "forces of triples": helpers.cluster,
    "bodies that do not act": lambda: moved(lambda t, q, v, m, c: 0 * q, 3, 2),
    **{f"a {name}": lambda law=law: moved(*law) for name, law in helpers.LAWS.items()},
    "one pendulum": lambda: moved(*helpers.LAWS["pendulum"], k=1, points=400, q=2.0),
    "a body at rest": lambda: moved(lambda t, q, v, m, c: 0 * q, 2, 2, v=0.0),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_data_are_not_accused(name):
    report = check(SOUND[name]())
    assert [(x.name, x.sentence) for x in report.faults] == []


@pytest.mark.parametrize("law", LAWS)
def test_the_symmetry_of_a_law_is_found(law):
    data = of_law(law, dim=3)
    report = check(data)
    assert report.supported == report.declared == data.provenance.settings["symmetry"]


def test_a_quick_check_of_sound_data_accuses_none_either():
    for law in ("springs", "gravity", "lennard-jones"):
        assert check(of_law(law, k=40, points=100), quick=True).faults == ()


@pytest.mark.parametrize("method", ["leapfrog", "rk4"])
def test_integrators_of_low_order_are_no_fault(method):
    law = helpers.systems.Springs(4)
    x = law.trajectories(5, seed=0, split="train", points=80, method=method)
    assert check(Dataset(x)).faults == ()


def test_canonical_momenta_are_noted_and_not_accused():
    report = check(of_law("magnetic-springs"))
    note = report.named("canonical-momenta")
    assert note is not None and note.severity == "note" and "VectorPotentialLieConv" in note.sentence
    assert check(of_law("springs")).named("canonical-momenta") is None


def test_nothing_is_changed():
    data = of_law("gravity", n_bodies=3)
    before = [y.clone() for y in (data.train.times, data.train.q, data.train.p)]
    check(data)
    assert all(torch.equal(a, b) for a, b in zip(before, (data.train.times, data.train.q, data.train.p), strict=True))
    assert isinstance(data.train, Trajectory)
