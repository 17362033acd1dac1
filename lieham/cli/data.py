"""This module defines `lieham data describe`, which says what a file of trajectories holds."""

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
        json: print the description as JSON.
    """

    file: Path
    masses: str = ""
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"file": config["data"]["file"], "masses": config["data"].get("masses", "")}

    def __call__(self) -> None:
        from lieham.data import describe, read

        description = describe(read(self.file, masses=self.masses))
        show(description.as_dict(), self.json, lambda _: str(description))
