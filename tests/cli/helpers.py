"""Commands on tiny sizes, and what a refusal looks like."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lieham.cli import main
from lieham.cli.main import COMMANDS
from tests.helpers.refusals import snapshot

SIZES = ["--n_train", "4", "--n_val", "2", "--n_test", "3", "--points", "8", "--n_bodies", "3"]
TINY = ["--model.width", "8", "--train.steps", "4", "--train.refine", "2", "--train.evaluate_every", "2"]
PNG = b"\x89PNG\r\n\x1a\n"


def lieham(*arguments: object) -> int:
    return main([str(x) for x in arguments])


def options(commands: dict = COMMANDS) -> list[tuple[str, str]]:
    """Names and texts of the options of all commands, with those of their settings."""
    found = []
    for name, command in commands.items():
        if isinstance(command, dict):
            found += options(command)
        elif name != "_help":
            found += re.findall(r"^ {8}(\w+): ((?:.|\n {12,})+)", command.__doc__, re.M)
    return found


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """Arrays of three trajectories that are right, with changes; None leaves an array out."""
    draw = np.random.default_rng(0)
    good = {
        "times": np.arange(6) * 0.1,
        "q": draw.normal(size=(3, 6, 2, 2)),
        "p": draw.normal(size=(3, 6, 2, 2)),
        "mass": np.array([1.0, 2.0]),
    }
    return {name: x for name, x in (good | changes).items() if x is not None}


def refused(capsys, folder: Path, command: list[object], *parts: str) -> None:
    """Exit code 2, one line on standard error with the parts in order, nothing on standard output, no file touched."""
    capsys.readouterr()
    before = snapshot(folder)
    assert lieham(*command) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("lieham: ") and err.count("\n") == 1, err
    assert "Traceback" not in err
    places = [err.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {err!r}"
    assert snapshot(folder) == before
