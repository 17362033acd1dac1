"""The contract of a report: what was found, as text, as plain data, and as a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from lieham.errors import InputError


class Report(ABC):
    """What an examination found: `str(report)` is a table to read, `as_dict()` the same for a file."""

    @abstractmethod
    def as_dict(self) -> dict:
        """The findings as plain data that JSON can hold."""

    @abstractmethod
    def __str__(self) -> str:
        """The findings as a table to read."""

    def plot(self, path: str | Path) -> Path:
        """Draw the findings into a PNG file.

        Args:
            path: the file; missing folders on the way are made.

        Returns:
            The path of the file.

        Raises:
            InputError: if there is nothing to draw, as here by default.
        """
        kind = type(self).__name__
        raise InputError(f"report must be one with a figure to be drawn, got a {kind}: print it or take its as_dict()")
