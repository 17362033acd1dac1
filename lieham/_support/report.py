"""This module defines what every report offers: its findings as text, as plain data, and as a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from lieham.errors import InputError


class Report(ABC):
    """A report holds what an examination found: `str(report)` is a table to read, `as_dict()` the same for a file."""

    @abstractmethod
    def as_dict(self) -> dict:
        """Return the findings as plain data that JSON can hold."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the findings as a table to read."""

    def plot(self, path: str | Path) -> Path:
        """Draw the findings into a PNG file.

        Args:
            path: the file; missing folders on the way are made.

        Returns:
            The path of the file.

        Raises:
            InputError: there is nothing to draw, which is so unless a subclass overrides this method.
        """
        kind = type(self).__name__
        raise InputError(f"report must be one with a figure to be drawn, got a {kind}: print it or take its as_dict()")
