"""The report of a check: plain data, plain sentences, and the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lieham.cli import main
from lieham.data import DataCheck, Dataset, check
from lieham.data.check import Finding, Suspect
from lieham.state import Trajectory
from tests.data.check.helpers import changed, of_law, with_


@pytest.fixture
def doubled() -> Dataset:
    return changed(of_law("springs", n_bodies=4), lambda x: with_(x, p=2 * x.p))


def test_a_dataset_checks_itself(doubled):
    assert doubled.check().as_dict() == check(doubled).as_dict()
    assert doubled.check("T(2)").declared == "T(2)"


def test_it_is_plain_data(doubled):
    held = json.loads(json.dumps(check(doubled).as_dict()))
    assert held["faults"] == 1 and held["group"] == {"declared": "SE(2)", "supported": "SE(2)"}
    assert held["findings"][0]["name"] == "momentum-factor" and held["findings"][0]["severity"] == "fault"
    assert set(held["figures"]["train"]["momenta"]) == {"P_x", "P_y", "L"}


def test_every_kind_of_finding_is_plain_data():
    def broken(x: Trajectory) -> Trajectory:
        q = x.q.clone()
        q[0, 20, 1] += 30
        q[1, 30:33], q[2, 10, 1] = q[1, 29:30], q[2, 10, 0]
        return with_(x, q=q)

    report = check(changed(of_law("springs", n_bodies=4), broken))
    assert {"spike", "repeated-frames", "bodies-meet"} <= {x.name for x in report.faults}
    json.dumps(report.as_dict())
    assert "trajectory 0: frames 20 of body 1" in str(report)


def test_it_reads_as_sentences(doubled):
    text = str(check(doubled))
    assert text.splitlines()[0] == "1 fault found"
    assert "fault  momentum-factor (train): p is 2 times m dq/dt in all bodies: divide p by 2" in text
    assert str(check(of_law("springs", n_bodies=4))).startswith("no fault was found")


def test_faults_come_first_and_splits_are_joined(doubled):
    x = doubled.train
    report = check(Dataset(x[:3], x[3:4], x[4:]))
    assert [f.splits for f in report.faults] == [("train", "val", "test")]
    kinds = [f.severity for f in report.findings]
    assert kinds == sorted(kinds)


def test_frames_are_listed_by_runs():
    many = tuple(Suspect(k, (3, 4, 5, 9), split="train") for k in range(5))
    text = str(DataCheck((Finding("jump", "fault", "A sentence.", suspects=many),), "", "SE(2)", {}))
    assert "train trajectory 0: frames 3-5, 9" in text and "and 2 more trajectories" in text


def write(path, factor: float) -> None:
    x = of_law("springs", n_bodies=4).train
    held = {"times": x.times[0], "q": x.q, "p": factor * x.p, "mass": x.bodies.mass, "features": x.bodies.features}
    np.savez(path, **{name: np.asarray(value) for name, value in held.items()})


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_the_command(tmp_path, capsys, factor):
    write(tmp_path / "mine.npz", factor)
    assert main(["data", "check", str(tmp_path / "mine.npz"), "--group", "SE(2)"]) == 0
    said = capsys.readouterr().out
    assert ("no fault was found" in said) == (factor == 1) and ("momentum-factor" in said) == (factor == 2)


def test_the_command_in_json(tmp_path, capsys):
    write(tmp_path / "mine.npz", 2.0)
    assert main(["data", "check", str(tmp_path / "mine.npz"), "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert held["findings"][0]["figures"]["factor"] == pytest.approx(2)


def test_the_command_refuses_an_unknown_group(tmp_path, capsys):
    write(tmp_path / "mine.npz", 1.0)
    assert main(["data", "check", str(tmp_path / "mine.npz"), "--group", "SE(9)"]) == 2
    assert "group must be of 2 dimensions like q, got SE(9)" in capsys.readouterr().err


def test_dtype_and_times_may_be_anything():
    x = of_law("springs", n_bodies=4).train
    late = Trajectory(x.times + 2451545.0, x.q.float(), x.p.float(), x.bodies.to(dtype=torch.float32))
    assert check(Dataset(late)).faults == ()
