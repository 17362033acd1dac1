"""A printed configuration gives the same settings, and a file of them the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from lieham import load_model
from lieham.auditing import smoothness
from lieham.cli.kinds import KINDS
from lieham.cli.main import with_kind, with_own_configs
from lieham.data import read_forecast
from lieham.training import RunFolder
from tests.cli.helpers import TINY, lieham, refused


@pytest.mark.parametrize(
    "command, options",
    [
        ("train", ["--data", "s.h5", "--run", "x", *TINY, "--model.group", "T(2)", "--train.lr", "0.02"]),
        ("generate gravity", ["--out", "g.h5", "--dim", "3", "--seed", "7"]),
        ("forecast r", ["--steps", "3", "--out", "x.h5", "--substeps", "2"]),
        ("conservation r", ["--file", "r/forecast.h5"]),
        ("data describe s.h5", ["--json"]),
        ("demo", ["--small", "--run", "d"]),
    ],
)
def test_a_printed_config_gives_the_same_settings(command, options, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def printed(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            lieham(*command.split(), *arguments, "--print_config")
        assert caught.value.code in (0, None)
        return capsys.readouterr().out

    text = printed(*options)
    Path("c.yaml").write_text(text)
    assert printed("--config", "c.yaml") == text != printed()


def test_a_run_is_repeated_from_its_own_config(place):
    """Bit for bit, by --config FILE and --config=FILE; and an option beats the file."""
    assert lieham("train", "--config", "r/config.yaml", "--run", "a") == 0
    assert lieham("train", "--config=r/config.yaml", "--run", "b", "--train.seed", 1, "--model.seed", 1) == 0
    first, a, b = (load_model(name).state_dict() for name in "rab")
    assert first.keys() == a.keys() and all(torch.equal(x, a[name]) for name, x in first.items())
    assert not all(torch.equal(x, b[name]) for name, x in first.items())
    assert RunFolder(place / "a").config() == RunFolder(place / "r").config()


def test_what_is_printed_of_a_run_s_own_config_repeats_it_too(place, capsys):
    with pytest.raises(SystemExit):
        lieham("train", "--config", "r/config.yaml", "--run", "c", "--print_config")
    Path("c.yaml").write_text(capsys.readouterr().out)
    assert lieham("train", "--config", "c.yaml") == 0
    assert RunFolder(place / "c").config() == RunFolder(place / "r").config()


def test_a_config_that_is_no_run_s_is_left_to_the_parser(place):
    Path("c.yaml").write_text(yaml.safe_dump({"data": "springs.h5", "train": {"steps": 3}}))
    arguments = ["train", "trajectories", "--config", "c.yaml"]
    assert with_own_configs(arguments) == arguments
    assert with_own_configs(["nonsense", "--config", "r/config.yaml"]) == ["nonsense", "--config", "r/config.yaml"]
    assert with_own_configs(["train", "trajectories", "--config", "none.yaml"])[-1] == "none.yaml"


@pytest.mark.parametrize("way", [["--config", "r/config.yaml"], ["--config=r/config.yaml"], ["--config", "r"]])
def test_other_commands_take_the_run_of_a_config(way, place, capsys, monkeypatch):
    """The run itself, or the file of its data; options of the command line beat it."""
    commands = [
        (["forecast"], ["r"], ["--steps", 3, "--count", 2, "--overwrite"]),
        (["conservation"], ["r"], []),
    ]
    for words, named, options in commands:
        assert lieham(*words, *way, *options) == 0
        found = capsys.readouterr().out
        assert lieham(*words, *named, *options) == 0
        same = [[x for x in text.splitlines() if "seconds" not in x] for text in (found, capsys.readouterr().out)]
        assert same[0] == same[1]
    assert read_forecast("r/forecast.h5")[0].q.shape[:2] == (2, 4)
    assert lieham("data", "describe", *way) == 0
    assert "3 bodies in 2-D" in capsys.readouterr().out
    monkeypatch.setattr(smoothness, "LINES", 2)
    assert lieham("audit", *way, "--count", 20, "--n_bodies", 3) == 0
    assert lieham("evaluate", *way) == 0 and "free flight" in capsys.readouterr().out
    assert lieham("forecast", *way, "--split", "none") == 2 and "got 'none'" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["demo"], ["generate", "springs"], ["generate"], ["completion", "bash"]])
def test_commands_that_have_no_run_say_so(command, place, capsys):
    wanted = f"config must be a file of options of `lieham {command[0]}`"
    refused(capsys, place, [*command, "--config", "r/config.yaml"], wanted, "r/config.yaml of a run", "lieham train")


def test_the_config_of_a_run_says_which_kind_of_data_is_meant(tmp_path):
    """`lieham train --config digits/config.yaml` trains on digits."""
    config = tmp_path / "config.yaml"
    for kind in KINDS:
        data = {} if kind == "trajectories" else {"data": kind}
        config.write_text(yaml.safe_dump({"model": {}, "train": {}, "data": data}))
        for own in (["--config", str(config)], [f"--config={config}"], ["--json", "--config", str(tmp_path)]):
            assert with_kind(["train", *own]) == ["train", kind, *own]
    assert with_kind(["train", "digits", "--config", str(config)])[1] == "digits", "what is named is kept"


def test_a_config_file_trains_the_same_model(place, capsys):
    with pytest.raises(SystemExit):
        lieham("train", "--data", "springs.h5", "--run", "a", *TINY, "--model.seed", 3, "--print_config")
    Path("c.yaml").write_text(capsys.readouterr().out)
    assert not Path("a").exists(), "printing does nothing else"
    assert lieham("train", "--config", "c.yaml") == 0
    assert lieham("train", "--config", "c.yaml", "--run", "b", "--model.seed", 4) == 0
    assert lieham("train", "--data", "springs.h5", "--run", "c", *TINY, "--model.seed", 3) == 0
    a, b, c = (load_model(name).state_dict() for name in "abc")
    assert all(torch.equal(x, c[name]) for name, x in a.items())
    assert not all(torch.equal(x, b[name]) for name, x in a.items()), "an option beats the file"
