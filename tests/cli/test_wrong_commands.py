"""Commands that cannot be carried out are refused in one sentence, with exit code 2."""

from __future__ import annotations

import numpy as np
import pytest

from lieham.data import Dataset, load, save
from tests.cli.helpers import arrays, lieham, refused

TRAIN = ["train", "--data", "springs.h5", "--run", "n"]
ROLL = ["forecast", "r", "--out", "n.h5"]


@pytest.mark.parametrize(
    "command, parts",
    [
        (["generate", "magic"], ("law must be one of springs, gravity", "got 'magic'")),
        (["generate", "springs", "--out", "springs.h5"], ("out must be a new file", "springs.h5", "exists")),
        (["generate", "springs", "--dim", 4, "--out", "n.h5"], ("dim must be 2 or 3", "got 4")),
        (["generate", "springs", "--n_bodies", 0, "--out", "n.h5"], ("n_bodies must be", "got 0")),
        (["generate", "springs", "--n_train", -1, "--out", "n.h5"], ("n_train must be", "got -1")),
        (["generate", "springs", "--points", 1, "--out", "n.h5"], ("points must be", "got 1")),
        (
            ["generate", "gravity", "--benchmark", "--points", 9, "--out", "n.h5"],
            ("points must not be given with --benchmark", "windows have 5, got 9"),
        ),
        (["generate", "springs", "--out", "springs.h5/x.h5"], ("springs.h5",)),
        (["train", "--run", "n"], ("data must name a file", "got none")),
        (["train", "--data", "none.h5", "--run", "n"], ("data must be an existing file", "none.h5")),
        (["train", "--data", "springs.h5", "--run", "r"], ("run must be a new folder", "got r", "resume")),
        (
            ["train", "--data", "springs.h5", "--run", "springs.h5"],
            ("run must be a new folder", "which is a file"),
        ),
        (["train", "--data", "springs.h5", "--run", "springs.h5/n"], ("springs.h5",)),
        ([*TRAIN, "--model.group", "Q(8)"], ("group must be", "got 'Q(8)'")),
        ([*TRAIN, "--model.group", "SE(3)"], ("group must act on 2",)),
        ([*TRAIN, "--model.width", 1], ("width must be at least 4", "got 1")),
        ([*TRAIN, "--model.block", "big"], ("block must be one of", "'big'")),
        ([*TRAIN, "--model.dtype", "int8"], ("dtype must be one of", "'int8'")),
        ([*TRAIN, "--train.method", "magic"], ("method must be one of", "'magic'")),
        ([*TRAIN, "--train.window", 9], ("window must be", "8 points", "got 9")),
        ([*TRAIN, "--train.lr", -1], ("lr must be positive", "got -1")),
        ([*TRAIN, "--train.device", "abacus"], ("device must be", "'abacus'")),
        (["train", "--resume", "--run", "none"], ("run must be an existing", "none")),
        (["forecast", "none"], ("model must be an existing file or folder", "none")),
        (["forecast", "r"], ("file must be a new one", "r/forecast.h5", "exists")),
        ([*ROLL, "--split", "all"], ("split must be one of train, val, test", "'all'")),
        ([*ROLL, "--steps", 0], ("steps must be an integer of at least 1", "got 0")),
        ([*ROLL, "--count", 0], ("count must be at least 1", "got 0")),
        ([*ROLL, "--count", -1], ("count must be at least 1", "got -1")),
        ([*ROLL, "--method", "magic"], ("method must be one of", "'magic'")),
        ([*ROLL, "--method", "dopri5", "--substeps", 2], ("dopri5 has no setting substeps",)),
        ([*ROLL, "--data", "none.h5"], ("data must be an existing", "none.h5")),
        (
            ["forecast", "springs.h5", "--out", "n.h5"],
            ("model must be a whole safetensors file", "springs.h5"),
        ),
        (["conservation", "none"], ("model must be an existing file or folder", "none")),
        (["conservation", "r", "--file", "n.h5"], ("file must be a forecast", "n.h5", "does not exist", "forecast r")),
        (["evaluate", "r", "--split", "best"], ("split must be one of train, val, test", "'best'")),
        (["evaluate", "r", "--angles", "[0, 0]"], ("angles must be given for digits", "trajectories")),
        (
            ["train", "digits", "--resume", "--run", "r"],
            ("run must be one of `lieham train digits`", "got r", "train trajectories --resume"),
        ),
        (
            ["train", "digits", "--config", "r/config.yaml", "--run", "n"],
            ("config must be one of `lieham train digits`", "got r/config.yaml of `lieham train trajectories`"),
        ),
        (["completion", "fish"], ("shell must be one of bash, zsh, tcsh", "got 'fish'")),
        (["conservation", "r", "--file", "springs.h5"], ("file must be a forecast", "springs.h5", "train")),
        (["data", "describe", "none.h5"], ("data must be an existing", "none.h5")),
        (["demo", "--run", "r"], ("run must be a new folder", "got r", "not empty", "--overwrite")),
        (["demo", "--threads", 0, "--run", "n"], ("threads must be an integer of at least 1, got 0",)),
        (["audit", "r", "--kind", "X"], ("kind must be one of V, H, force, got 'X'",)),
        (["audit", "math:sin", "--group", "SE(3)"], ("target must be a function of tensors", "math:sin, which raised")),
        (
            ["audit", "json:dumps", "--group", "SE(3)"],
            ("target must be a function of tensors", "which raised TypeError"),
        ),
        (["audit", "os:sep", "--group", "SE(3)"], ("target must be a Hamiltonian or a function of positions", "a str")),
        (["forecast", "r", "--config", "r/model.safetensors"], ("config must be a YAML file of options", "no text")),
        ([*TRAIN, "--config=r/checkpoint.pt"], ("config must be a YAML file of options", "r/checkpoint.pt")),
        ([*TRAIN, "--model.group", "se(2)"], ("group must be one of", "got 'se(2)': say SE(2)")),
        ([*TRAIN, "--model.lift", '{"kind": "coset", "radius": "1"}'], ("radius must be a number, got '1'",)),
        (["demo", "--run", "springs.h5"], ("run must be a new folder", "springs.h5")),
    ],
    ids=lambda x: " ".join(map(str, x)) if isinstance(x, list) else "",
)
def test_bad_commands_end_in_one_sentence(command, parts, place, capsys):
    refused(capsys, place, command, *parts)
    assert sorted(x.name for x in place.iterdir()) == ["r", "springs.h5"]


def test_a_split_that_is_not_there_is_named(place, capsys):
    save(Dataset(train=load("springs.h5").train), "train.h5")
    command = ["forecast", "r", "--data", "train.h5", "--split", "test", "--out", "n.h5"]
    refused(capsys, place, command, "split must be one that train.h5 holds", "got test")


def test_a_forecast_with_other_features_is_named(place, capsys):
    np.savez("plain.npz", **arrays())
    command = ["forecast", "r", "--data", "plain.npz", "--steps", 2, "--out", "n.h5"]
    refused(capsys, place, command, "features of the model must be 0 like the data's", "got 1")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["nonsense"],
        ["generate"],
        ["generate", "springs", "--n_train", "many"],
        ["train", "--model.depth", "3"],
    ],
    ids=lambda x: " ".join(x) or "nothing",
)
def test_errors_of_the_parser_end_in_code_2_too(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        lieham(*command)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "error:" in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
