"""This module defines a command: a frozen dataclass whose fields are the options and whose docstring is the help."""

from __future__ import annotations

import json as json_format
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path


class Command(ABC):
    """A command that holds its options as fields; calling it does the work. Nothing imports torch before that call."""

    @abstractmethod
    def __call__(self) -> int | None:
        """Do the work, print the result, and return the exit code, or None for 0."""

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict | None:
        """Return the options that `--config FOLDER/config.yaml` of a run stands for; None where it means nothing.

        Args:
            folder: the run folder.
            config: the content of its config.yaml: the settings under `model`, `train` and `data`.

        Raises:
            KeyError: the config lacks a setting.
        """
        return None


def show(figures: dict, json: bool, text: Callable[[dict], str]) -> None:
    """Print figures as JSON, or else as the text that `text` makes of them."""
    print(json_format.dumps(figures, indent=2) if json else text(figures))
