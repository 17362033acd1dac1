"""`lieham evaluate` scores a Hamiltonian beside what costs nothing, and warnings leave the exit code at 0."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml

from systems import Springs
from tests.cli.helpers import SIZES, lieham


def test_a_run_of_trajectories_is_evaluated(place, capsys):
    capsys.readouterr()
    for split, count in (("test", 3), ("val", 2), ("train", 4)):
        assert lieham("evaluate", "r", "--split", split, "--json") == 0
        figures = json.loads(capsys.readouterr().out)["baselines"]
        assert figures["split"] == split and 0 < figures["windows"] <= 4 * count
        assert list(figures["scores"]) == ["model", "constant state", "free flight", "mean force"]
    kept = yaml.safe_load(Path("r/config.yaml").read_text())["baselines"]
    assert lieham("evaluate", "r", "--split", "val", "--json") == 0
    again = json.loads(capsys.readouterr().out)["baselines"]
    assert again["scores"]["free flight"] == kept["scores"]["free flight"]
    assert abs(again["scores"]["model"]["mean"] / kept["scores"]["model"]["mean"] - 1) < 1e-9
    assert lieham("evaluate", "r") == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[-3:] == ["mean", "median", "trimmed"] and rows[2].split()[:2] == ["constant", "state"]


def test_a_model_worse_than_free_flight_warns_in_one_line_and_exits_with_0(place, capsys):
    x = Springs(3).generate(6, 0, 0, points=8).train
    noise = np.random.default_rng(0).normal(size=x.p.shape)
    np.savez("noise.npz", times=x.times[0], q=x.q, p=noise, mass=x.bodies.mass)
    tiny = ("--model.width", 8, "--train.steps", 1, "--train.refine", 0, "--model.lift", "coset")
    capsys.readouterr()
    assert lieham("train", "--data", "noise.npz", "--run", "bad", "--model.group", "SE(2)", *tiny) == 0
    out, err = capsys.readouterr()
    assert err.count("lieham: warning: ") == 1 and "likely cause" in err and ".py:" not in err
    assert "free flight" in out and "best validation loss" in out
    assert lieham("evaluate", "bad", "--split", "train") == 0
    assert "likely cause" in capsys.readouterr().err


def test_a_forecast_outside_the_range_warns_and_exits_with_0(place, capsys):
    sizes = [*SIZES[:-1], "5"]
    assert lieham("generate", "springs", "--out", "five.h5", *sizes) == 0
    capsys.readouterr()
    assert lieham("forecast", "r", "--data", "five.h5", "--steps", 2, "--out", "f.h5", "--json") == 0
    out, err = capsys.readouterr()
    assert "lieham: warning: the forecast starts outside the range of training: n = 5 bodies, trained on 3" in err
    assert json.loads(out)["outside"][0].startswith("n = 5 bodies")
    assert lieham("forecast", "r", "--split", "train", "--steps", 1, "--out", "g.h5", "--json") == 0
    out, err = capsys.readouterr()
    assert err == "" and "outside" not in json.loads(out)
