"""Runs on digits and molecules that were interrupted go on bit for bit."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lieham.models import load_model
from lieham.training import RunFolder, fit
from tests.cli.clouds.helpers import COMMANDS, FOLDERS, TINY, same_weights
from tests.cli.helpers import lieham


def asked_at(count: int):
    """`interruptible`, with a Ctrl-C at this evaluation of the loss."""

    @contextmanager
    def interruptible():
        seen = iter(range(10**9))
        yield lambda: next(seen) == count

    return interruptible


@pytest.mark.parametrize("steps", [3, 6])
@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupted_run_goes_on_bit_for_bit(name, steps, place, tmp_path, monkeypatch, capsys):
    run, kind = tmp_path / "r", COMMANDS[name][1]
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(steps))
    assert lieham(*COMMANDS[name], "--folder", FOLDERS[name], "--run", run) == 130
    assert f"lieham train {kind} --resume --run {run}" in capsys.readouterr().err
    assert not (run / "model.safetensors").exists() and not (run / "figures.json").exists()
    monkeypatch.undo()
    monkeypatch.chdir(place)
    monkeypatch.setenv("LIEHAM_CACHE", "cache")
    moved = ["--folder", (Path("..") / place.name / FOLDERS[name])] if steps == 6 else []
    assert lieham("train", kind, "--resume", "--run", run, *moved) == 0
    assert same_weights(load_model(run), load_model(name))
    mine, whole = (json.loads((x / "figures.json").read_text()) for x in (run, Path(name)))
    assert {**mine, "seconds": 0, "run": 0} == {**whole, "seconds": 0, "run": 0}


def test_another_seed_gives_other_weights(place, tmp_path):
    """So the test above can fail."""
    assert lieham(*COMMANDS["m"], "--folder", "qm9", "--run", tmp_path / "r", "--train.seed", 1) == 0
    assert not same_weights(load_model(tmp_path / "r"), load_model("m"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_is_repeated_from_its_own_config(name, place, tmp_path):
    """Bit for bit, whatever the kind of data, the lift and the augmentation; and an option beats the file."""
    command = ["train", COMMANDS[name][1], "--config", f"{name}/config.yaml"]
    assert lieham(*command, "--run", tmp_path / "r") == 0
    assert same_weights(load_model(tmp_path / "r"), load_model(name))
    assert RunFolder(tmp_path / "r").config() == RunFolder(Path(name)).config()
    if name == "m":
        assert lieham(*command, "--run", tmp_path / "other", "--model.seed", 1) == 0
        assert not same_weights(load_model(tmp_path / "other"), load_model(name))


@pytest.mark.usefixtures("numbered")
def test_angles_are_among_what_is_repeated(place, tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    sizes = ["--n_train", 60, "--n_val", 20, "--n_test", 30]
    assert lieham("train", "digits", "--angles", "[-20, 70]", "--seed", 3, "--run", first, *sizes, *TINY) == 0
    assert lieham("train", "digits", "--config", first / "config.yaml", "--run", again) == 0
    assert same_weights(load_model(first), load_model(again))
    assert RunFolder(first).config() == RunFolder(again).config()
