"""This module defines `lieham data describe` and `lieham data check`, which look into a file of trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lieham.cli.command import Command, show


@dataclass(frozen=True)
class Describe(Command):
    """Say what a file of trajectories holds: splits, shapes, times, units, ranges.

    Args:
        file: an .h5 or .npz file.
        masses: symmetry of the motion, such as SE(2), whose conserved momenta give the masses of a file without them.
        split: shares of train, val and test, such as 0.8,0.2,0, of a file without splits; 0.8,0.1,0.1 by default.
        window: number of points for which a cut along time leaves room in every split.
        json: print the description as JSON.
    """

    file: Path
    masses: str = ""
    split: str = ""
    window: int = 5
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"file": config["data"]["file"], "masses": config["data"].get("masses", "")}

    def __call__(self) -> None:
        from lieham.cli.kinds.trajectories import read_cut
        from lieham.data import describe

        description = describe(read_cut(self.file, self.split, self.masses, self.window))
        show(description.as_dict(), self.json, lambda _: str(description))


@dataclass(frozen=True)
class CheckData(Command):
    """Say whether a file of trajectories contradicts itself, and which momenta are constant in it; nothing is changed.

    Args:
        file: an .h5 or .npz file.
        group: symmetry that is to be declared, such as SE(2), whose momenta are compared with the data.
        masses: symmetry of the motion, such as SE(2), whose conserved momenta give the masses of a file without them.
        json: print the report as JSON.
    """

    file: Path
    group: str = ""
    masses: str = ""
    json: bool = False

    def __call__(self) -> None:
        from lieham.data import read

        report = read(self.file, masses=self.masses).check(self.group or None)
        show(report.as_dict(), self.json, lambda _: str(report))
