"""What every command is: a frozen dataclass whose fields are the options and whose docstring is the help."""

from __future__ import annotations

import json as json_format
from abc import ABC, abstractmethod
from collections.abc import Callable


class Command(ABC):
    """A command with its options; a call does the work. Nothing may import torch before that call."""

    @abstractmethod
    def __call__(self) -> int | None:
        """Do the work and print the result; returns the exit code, None for 0."""


def show(figures: dict, json: bool, text: Callable[[dict], str]) -> None:
    """Print figures, as JSON or as the text that `text` makes of them."""
    print(json_format.dumps(figures, indent=2) if json else text(figures))
