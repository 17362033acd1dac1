"""These exceptions address the person who typed the input: they name the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path


class LiehamError(Exception):
    """Every error that lieham raises on purpose has this base; the command line prints it and exits with code 2."""


class InputError(LiehamError, ValueError):
    """An argument has the wrong shape, value or combination."""


class FileError(LiehamError, OSError):
    """A file is missing, truncated, of another kind, or in the way."""


class IntegrationError(LiehamError, RuntimeError):
    """An integration left the finite numbers or did not converge."""


class Interrupted(LiehamError, KeyboardInterrupt):
    """A run was stopped by the user; `run` is the folder from which it resumes."""

    def __init__(self, message: str, run: Path | None = None):
        super().__init__(message)
        self.run = run


class LiehamWarning(UserWarning):
    """A result is there, and what it is worth is less than its reader may think; the message says why.

    Args:
        message: one sentence with the numbers, the likely cause and a remedy.

    Example:
        >>> import warnings, lieham
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", lieham.LiehamWarning)  # treat every one of them as an error
    """


def expected(name: str, wanted: object, got: object) -> InputError:
    """Return the error `NAME must be WANTED, got GOT`, to be raised by the caller.

    Args:
        name: the argument, as the person typed it.
        wanted: what it should have been.
        got: what it was.

    Example:
        >>> raise expected("dim", "2 or 3", 4)
        Traceback (most recent call last):
        ...
        lieham.errors.InputError: dim must be 2 or 3, got 4
    """
    return InputError(f"{name} must be {wanted}, got {got}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`; raise InputError listing them otherwise.

    Args:
        name: the argument, as the person typed it.
        value: its value.
        choices: the values that are allowed.
    """
    if value not in choices:
        raise expected(name, f"one of {', '.join(choices)}", repr(value))
    return value


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raise InputError unless `value` is an integer, and no bool, of at least `least`.

    Args:
        name: the argument, as the person typed it.
        value: its value.
        least: the least value that is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise expected(name, f"an integer of at least {least}", repr(value))
