"""The report of a study: its table, its results, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine.tables import footer
from lieham._support.report import Report
from lieham.errors import InputError, check_choice

Drawing = Callable[[Path], Path]
"""A function that draws one figure into a PNG file and returns the path of the file."""


@dataclass(frozen=True)
class StudyReport(Report):
    """What a study found: `str(report)` is a Markdown table with its origin, `as_dict()` the content of the file.

    Args:
        content: the file of results, as `records.load` reads it.
        table: the results as a Markdown table.
        figures: the drawings that these results allow, by name.
    """

    content: dict
    table: str
    figures: Mapping[str, Drawing]

    def as_dict(self) -> dict:
        """The results with their settings, machine, commit and date."""
        return self.content

    def __str__(self) -> str:
        """The table, and below it the date, the commit and the machine."""
        return f"{self.table}\n\n{footer(self.content)}"

    def plot(self, path: str | Path, name: str | None = None) -> Path:
        """Draw one figure into a PNG file.

        Args:
            path: the file.
            name: which of `figures`; the first where none is given.

        Returns:
            The path of the file.

        Raises:
            InputError: if there is no such figure, or none at all.
        """
        if not self.figures:
            raise InputError(f"results must be those of a study with figures, got {self.content['benchmark']}")
        chosen = name or next(iter(self.figures))
        return self.figures[check_choice("name", chosen, tuple(self.figures))](Path(path))

    def plot_all(self, stem: Path) -> list[Path]:
        """Draw every figure into STEM-NAME.png.

        Args:
            stem: the folder and the beginning of the files' names.

        Returns:
            The paths of the files.
        """
        return [self.plot(stem.with_name(f"{stem.name}-{name}.png"), name) for name in self.figures]
