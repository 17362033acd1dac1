"""This module defines `lieham evaluate`, which scores a trained model on data that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lieham.cli.command import Command, show
from lieham.cli.kinds import kind_of
from lieham.cli.runs import Question


@dataclass(frozen=True)
class Evaluate(Command):
    """Score a trained model on digits, molecules or windows of trajectories, for these beside what costs nothing.

    Args:
        run: run folder that `lieham train` left.
        split: split to score, test or val, as the run divided its data; of trajectories train too.
        folder: folder of RotMNIST's or QM9's files, where they were moved or are others than the run was trained on.
        angles: lowest and highest angle, in degrees, by which the test digits are turned, such as "[-90, 90]".
        json: print the figures as JSON.
    """

    run: Path
    split: str = "test"
    folder: Path | None = None
    angles: tuple[float, float] | None = None
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"run": str(folder)}

    def __call__(self) -> None:
        kind = kind_of(self.run)
        figures = kind.evaluated(self.run, Question(self.split, self.folder, self.angles))
        show(figures, self.json, kind.text)
