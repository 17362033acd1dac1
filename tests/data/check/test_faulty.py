"""The check finds faults of arrays, each with its value, in data of several laws; sound data are in `test_sound`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lieham.data import DataCheck, Dataset, check
from lieham.state import Bodies, Trajectory
from tests.data.check import helpers
from tests.data.check.helpers import changed, frames, noisy, of_law, positions, with_

BASES = {
    "springs": lambda: of_law("springs", n_bodies=4),
    "gravity": lambda: of_law("gravity", n_bodies=5, dim=3, points=150),
    "Lennard-Jones": lambda: of_law("lennard-jones", points=100),
    "coulomb": lambda: of_law("coulomb", n_bodies=5, points=100),
    "bending": lambda: of_law("bending", points=100),
    "planets": lambda: of_law("planets", dim=3, points=150),
    "light planets": lambda: helpers.sun(),
    "one trajectory": lambda: of_law("gravity", k=1, n_bodies=4, dim=3, points=400),
    "windows": lambda: Dataset(of_law("springs", k=60).train.window(20, 5)),
    "noise": lambda: noisy(of_law("springs", n_bodies=4, points=150), 1e-3),
    "float32": lambda: changed(of_law("springs", n_bodies=4), lambda x: x.to(dtype=torch.float32)),
}
over_bases = pytest.mark.parametrize("base", BASES)


def found(data: Dataset, name: str) -> dict:
    """The figures of a finding, which has to be a fault."""
    report = check(data)
    fault = report.named(name)
    assert fault is not None and fault.severity == "fault", report
    return fault.figures | {"suspects": fault.suspects, "sentence": fault.sentence}


@over_bases
@pytest.mark.parametrize("factor", [2.0, 1.01, 0.5, 10.18, -1.0])
def test_a_factor_in_p(base, factor):
    data = changed(BASES[base](), lambda x: with_(x, p=factor * x.p))
    assert found(data, "momentum-factor")["factor"] == pytest.approx(factor, rel=1e-3)


@over_bases
def test_a_factor_in_the_times(base):
    data = changed(BASES[base](), lambda x: with_(x, times=1000 * x.times))
    figures = found(data, "time-factor" if "step" in data.provenance.settings else "momentum-factor")
    assert figures["factor"] == pytest.approx(1000, rel=1e-3) and "times" in figures["sentence"]


@pytest.mark.parametrize("base", ["springs", "gravity", "coulomb", "bending", "planets", "one trajectory"])
def test_masses_set_to_one(base):
    data = BASES[base]()
    wrong = changed(data, lambda x: with_(x, mass=torch.ones_like(x.bodies.mass)))
    np.testing.assert_allclose(found(wrong, "masses")["masses"], data.train.bodies.mass[0], rtol=1e-3)


@pytest.mark.parametrize("body", [0, 2])
@pytest.mark.parametrize("base", ["springs", "gravity", "light planets"])
def test_one_wrong_mass(base, body):
    data = BASES[base]()
    factor = torch.ones_like(data.train.bodies.mass)
    factor[:, body] = 1.3
    wrong = changed(data, lambda x: with_(x, mass=x.bodies.mass * factor))
    np.testing.assert_allclose(found(wrong, "masses")["masses"], data.train.bodies.mass[0], rtol=1e-3)


@over_bases
def test_swapped_axes(base):
    data = changed(BASES[base](), lambda x: with_(x, p=x.p.flip(-1)))
    matrix = np.abs(found(data, "axes")["matrix"])
    np.testing.assert_allclose(matrix, np.eye(len(matrix))[::-1], atol=2e-2)


@over_bases
def test_an_axis_of_the_other_sign(base):
    data = BASES[base]()
    signs = torch.ones(data.dim, dtype=data.train.q.dtype)
    signs[0] = -1
    matrix = found(changed(data, lambda x: with_(x, p=x.p * signs)), "axes")["matrix"]
    np.testing.assert_allclose(matrix, np.diag(signs.numpy()), atol=2e-2)


@pytest.mark.parametrize("base", ["springs", "gravity", "Lennard-Jones", "one trajectory"])
def test_momenta_of_other_times(base):
    """p half a step late, as a staggered leapfrog writes it."""

    def half_late(x: Trajectory) -> Trajectory:
        return Trajectory.of(x.times[:, :-1], x.q[:, :-1], (x.p[:, 1:] + x.p[:, :-1]) / 2, x.bodies)

    assert found(changed(BASES[base](), half_late), "time-shift")["delay"] == pytest.approx(0.5, abs=0.05)


@over_bases
def test_momenta_of_other_bodies(base):
    """Something of which no rule can be told is a fault too."""
    data = BASES[base]()
    draw = torch.Generator().manual_seed(0)
    other = changed(data, lambda x: with_(x, p=x.p[:, torch.randperm(x.p.shape[1], generator=draw)].flip(2)))
    assert check(other).faults


def box_of(x: Trajectory) -> float:
    return 0.6 * float(x.q.max() - x.q.min())


def wrapped(x: Trajectory) -> Trajectory:
    size = box_of(x)
    return with_(x, q=torch.remainder(x.q + size / 2, size) - size / 2)


@pytest.mark.parametrize("observed", ["both", "positions"])
@pytest.mark.parametrize("base", ["springs", "gravity", "Lennard-Jones", "coulomb", "bending", "planets", "noise"])
def test_wrapped_coordinates(base, observed):
    data = BASES[base]()
    box = box_of(data.train)
    data = changed(data, wrapped)
    lengths = found(positions(data) if observed == "positions" else data, "wrapped")["box"]
    assert [x for x in lengths if x is not None] == pytest.approx(sum(x is not None for x in lengths) * [box], rel=0.02)


ORDERED = ["springs", "gravity", "Lennard-Jones", "coulomb", "bending", "planets", "light planets", "one trajectory"]
over_ordered = pytest.mark.parametrize("base", ORDERED)
over_observed = pytest.mark.parametrize("observed", ["both", "positions"])


def observed_as(data: Dataset, observed: str) -> Dataset:
    return positions(data) if observed == "positions" else data


@over_observed
@over_ordered
def test_repeated_frames(base, observed):
    def frozen(x: Trajectory) -> Trajectory:
        q, p = x.q.clone(), x.p.clone()
        q[:, 25:29], p[:, 25:29] = q[:, 24:25], p[:, 24:25]
        return with_(x, q=q, p=p)

    suspects = found(observed_as(changed(BASES[base](), frozen), observed), "repeated-frames")["suspects"]
    assert {x.frames for x in suspects} == {(25, 26, 27, 28)}


@over_ordered
def test_dropped_frames(base):
    def without(x: Trajectory) -> Trajectory:
        kept = torch.tensor([k for k in range(x.times.shape[1]) if not 30 <= k < 33])
        y = frames(x, kept)
        return with_(y, times=x.times[:, : len(kept)])

    figures = found(changed(BASES[base](), without), "dropped-frames")
    assert round(figures["lost"]) == 3
    assert all({29, 30} <= set(x.frames) for x in figures["suspects"])


@over_observed
@pytest.mark.parametrize("size", [50.0, 1.0])
@over_ordered
def test_a_lost_marker(base, size, observed):
    def spiked(x: Trajectory) -> Trajectory:
        q = x.q.clone()
        q[0, 20, 1] += size * q.std()
        return with_(x, q=q)

    (suspect,) = found(observed_as(changed(BASES[base](), spiked), observed), "spike")["suspects"]
    assert (suspect.split, suspect.trajectory, suspect.bodies) == ("train", 0, (1,)) and 20 in suspect.frames
    assert len(suspect.frames) <= 3


@over_observed
@over_ordered
def test_permuted_bodies(base, observed):
    def permuted(x: Trajectory) -> Trajectory:
        q, p = x.q.clone(), x.p.clone()
        for k in range(7, x.q.shape[1] - 3, 9):
            q[:, k], p[:, k] = x.q[:, k].roll(1, dims=1), x.p[:, k].roll(1, dims=1)
        return with_(x, q=q, p=p)

    data = observed_as(changed(BASES[base](), permuted), observed)
    suspects = found(data, "permuted-bodies")["suspects"]
    wrong = set(range(7, data.train.q.shape[1] - 3, 9))
    told = set().union(*(x.frames for x in suspects))
    assert len(told & wrong) >= 0.8 * len(wrong)
    assert len(told - wrong) <= 0.2 * len(wrong)


@over_ordered
def test_one_body_twice(base):
    def doubled(x: Trajectory) -> Trajectory:
        q, p = x.q.clone(), x.p.clone()
        q[:, :, 1], p[:, :, 1] = q[:, :, 0], p[:, :, 0] * (x.bodies.mass[:, 1] / x.bodies.mass[:, 0])[:, None, None]
        return with_(x, q=q, p=p)

    assert found(changed(BASES[base](), doubled), "bodies-meet")["always"] == [(0, 1)]


def test_bodies_at_one_point_in_one_frame():
    def met(x: Trajectory) -> Trajectory:
        q = x.q.clone()
        q[2, 13, 1] = q[2, 13, 3]
        return with_(x, q=q)

    (suspect,) = found(changed(BASES["springs"](), met), "bodies-meet")["suspects"]
    assert (suspect.trajectory, suspect.frames, suspect.bodies) == (2, (13,), (1, 3))


def test_rounded_times():
    data = changed(BASES["float32"](), lambda x: with_(x, times=x.times + 1e4))
    assert check(data).named("rounded-times") is not None or check(BASES["float32"]()).faults == ()


def test_a_report_of_one_fault_names_no_other(base="springs"):
    report: DataCheck = check(changed(BASES[base](), lambda x: with_(x, p=2 * x.p)))
    assert [x.name for x in report.faults] == ["momentum-factor"]


def as_velocities(x: Trajectory, mass: torch.Tensor) -> Trajectory:
    """What a file with v and these masses holds."""
    v = x.p / x.bodies.mass[:, None, :, None]
    return Trajectory.from_velocities(x.times, x.q, v, Bodies.of(mass, x.bodies.features, x.bodies.mask))


@pytest.mark.parametrize("base", ["springs", "gravity", "coulomb", "bending", "one trajectory"])
def test_masses_set_to_one_beside_velocities(base):
    """p = m v agrees with dq/dt for any masses, but P is not constant with the wrong ones."""
    data = BASES[base]()
    true = data.train.bodies.mass[0]
    wrong = changed(data, lambda x: as_velocities(x, torch.ones_like(x.bodies.mass)))
    masses = torch.tensor(found(wrong, "masses")["masses"])
    torch.testing.assert_close(masses / masses.sum(), true / true.sum(), rtol=1e-3, atol=0, check_dtype=False)
    assert check(changed(data, lambda x: as_velocities(x, x.bodies.mass))).faults == ()


@pytest.mark.parametrize("base", ["springs", "gravity", "Lennard-Jones", "coulomb", "planets", "one trajectory"])
def test_a_wrong_momentum_in_one_frame(base):
    def spiked(x: Trajectory) -> Trajectory:
        p = x.p.clone()
        p[0, 20, 1] = -3 * p[0, 20, 1] + p[0, :, 1].std()
        return with_(x, p=p)

    (suspect,) = found(changed(BASES[base](), spiked), "momentum-spike")["suspects"]
    assert (suspect.trajectory, suspect.frames, suspect.bodies) == (0, (20,), (1,))
