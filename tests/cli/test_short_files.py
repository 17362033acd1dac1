"""Single and short trajectories on the command line: they train, and later commands cut the file as training did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lieham.data import Dataset, read_forecast, save
from tests.cli.helpers import TINY, lieham, refused
from tests.data.helpers import make

OMEGA = 0.2


def orbits(path: Path, points: int, k: int = 1, offset: float = 0.0) -> Path:
    """Two bodies on a circle, k times with other phases; a single one has no axis of trajectories."""
    t = np.arange(float(points))
    angle = OMEGA * t + 0.7 * np.arange(k)[:, None]
    q, v = np.stack([np.cos(angle), np.sin(angle)], -1), OMEGA * np.stack([-np.sin(angle), np.cos(angle)], -1)
    q, v = (np.stack([x, -x], 2) for x in (q, v))
    np.savez(path, times=t + offset, q=q if k > 1 else q[0], v=v if k > 1 else v[0], mass=np.ones(2))
    return path


def trained(tmp_path: Path, data: Path, *more: object) -> Path:
    assert lieham("train", "--data", data, "--run", tmp_path / "run", *TINY, *more) == 0
    return tmp_path / "run"


@pytest.mark.filterwarnings("ignore:.*cannot give windows")
@pytest.mark.parametrize("k, points", [*((1, n) for n in (5, 6, 8, 12, 31, 48)), (2, 5), (2, 12), (3, 5), (12, 5)])
def test_short_files_train_with_the_defaults(tmp_path, capsys, k, points):
    run = trained(tmp_path, orbits(tmp_path / "short.npz", points, k), "--json")
    assert json.loads(capsys.readouterr().out)["validation"] < 1e-6
    assert lieham("forecast", run, "--steps", "3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3


@pytest.mark.filterwarnings("ignore:.*cannot give windows")
@pytest.mark.parametrize("k, points", [(1, 4), (1, 2), (12, 3)])
def test_trajectories_shorter_than_a_window_are_refused_with_the_remedy(tmp_path, capsys, k, points):
    data = orbits(tmp_path / "short.npz", points, k)
    wanted = (
        f"window must be between 2 and the {points} points of a trajectory in train, got 5",
        f"--train.window {points}",
    )
    refused(capsys, tmp_path, ["train", "--data", data, "--run", tmp_path / "run"], *wanted)
    trained(tmp_path, data, "--train.window", points)


def test_val_that_is_shorter_than_a_window_is_named_with_the_remedies(tmp_path, capsys):
    data = save(Dataset(make(4, 8), make(2, 3)), tmp_path / "data.h5")
    command = ["train", "--data", data, "--run", tmp_path / "run", "--model.group", "T(2)"]
    refused(
        capsys, tmp_path, command, "the 3 points of a trajectory in val, got 5", "--train.window 3", "--split 1,0,0"
    )


@pytest.mark.parametrize("split, parts", [("0.8,0.2,0", {"train", "val"}), ("1,0,0", {"train"})])
def test_shares_are_kept_in_the_run_and_cut_the_same_again(tmp_path, capsys, split, parts):
    data = orbits(tmp_path / "one.npz", 40)
    run = trained(tmp_path, data, "--split", split, "--train.window", "4")
    known = yaml.safe_load((run / "config.yaml").read_text())["data"]
    assert (known["shares"], known["window"], known["split"]) == (split, 4, "along time")
    capsys.readouterr()
    assert lieham("data", "describe", data, "--split", split, "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["splits"]) == parts
    assert lieham("train", "--config", run / "config.yaml", "--run", tmp_path / "again") == 0
    assert yaml.safe_load((tmp_path / "again" / "config.yaml").read_text())["data"] == known
    assert lieham("train", "--resume", "--run", run) == 0
    refused(capsys, tmp_path, ["forecast", run, "--split", "test"], "split must be one that", "got test")


def test_shares_that_are_none_are_refused_and_without_effect_are_named(tmp_path, capsys):
    data = orbits(tmp_path / "one.npz", 40)
    for text, part in (("0.8", "split must be three shares"), ("0.5,0.4,0.2", "that sum to 1")):
        refused(capsys, tmp_path, ["train", "--data", data, "--run", tmp_path / "run", "--split", text], part)
    whole = save(Dataset(make(4), make(3)), tmp_path / "data.h5")
    with pytest.warns(UserWarning, match="split=0.8,0.2,0 has no effect on .*: train, val"):
        assert lieham("data", "describe", whole, "--split", "0.8,0.2,0") == 0


@pytest.fixture(scope="module", params=[0.0, 2451545.0], ids=str)
def run(request, tmp_path_factory):
    """A run on a single trajectory of 40 points, and the time at which that begins."""
    folder = tmp_path_factory.mktemp("run")
    return trained(folder, orbits(folder / "one.npz", 40, offset=request.param)), request.param


@pytest.mark.parametrize(
    "options, first, last, step",
    [
        (["--start", 3, "--until", 9], 3, 9, 1),
        (["--start", 3.5, "--until", 9, "--dt", 0.5], 3.5, 9, 0.5),
        (["--start", 33.5, "--steps", 4], 33.5, 37.5, 1),
        (["--start", 20, "--until", 10, "--dt", -2], 20, 10, -2),
        (["--until", 38], 35, 38, 1),
        (["--split", "train", "--until", 60], 0, 60, 1),
    ],
    ids=str,
)
def test_a_forecast_from_any_instant(run, tmp_path, capsys, options, first, last, step):
    """Of a file cut along time, whatever piece the instant lies in, or between two of them."""
    folder, offset = run
    pairs = zip(options[::2], options[1::2], strict=True)
    words = [y for name, x in pairs for y in (name, x + offset if name in ("--start", "--until") else x)]
    assert lieham("forecast", folder, *words, "--out", tmp_path / "f.h5", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["start"] - offset, figures["end"] - offset) == (first, last)
    rollout, _ = read_forecast(tmp_path / "f.h5")
    assert (rollout.times.diff(dim=1) == step).all()
    angle = OMEGA * (rollout.times[0] - offset)
    assert (rollout.q[0, :, 0, 0] - torch.cos(angle)).abs().max() < 1e-2


def test_instants_that_do_not_fit_are_refused(run, capsys):
    folder, offset = run
    command = ["forecast", folder, "--overwrite", "--out", folder / "f.h5"]
    refused(capsys, folder, [*command, "--start", offset + 41], "start must be from", f"to {offset + 39:.0f}", "got")
    refused(capsys, folder, [*command, "--steps", 3, "--until", offset + 39], "until must not be given beside steps")
