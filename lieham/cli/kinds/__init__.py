"""This package holds the kinds of data that `lieham train` knows. A kind is one file and one line in `KINDS`."""

from __future__ import annotations

from pathlib import Path

from lieham import training
from lieham.cli.kinds.digits import TrainDigits
from lieham.cli.kinds.qm9 import TrainQM9
from lieham.cli.kinds.trajectories import TrainTrajectories
from lieham.cli.runs import Train, kind_name
from lieham.errors import check_choice

KINDS: dict[str, type[Train]] = {kind.name: kind for kind in (TrainTrajectories, TrainDigits, TrainQM9)}
"""This table gives, for the name of each kind, the command that trains on it."""


def kind_of(run: Path) -> type[Train]:
    """Return the kind of data that a run was trained on; raise FileError for a folder that is no run."""
    name = kind_name(training.RunFolder(run).config())
    return KINDS[check_choice("data of the run", name, tuple(KINDS))]
