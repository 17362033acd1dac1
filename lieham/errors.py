"""These exceptions address the person who typed the input: they name the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path


class LiehamError(Exception):
    """Every error of the input has this base; the command line prints its sentence and exits with code 2."""


class InputError(LiehamError, ValueError):
    """An argument has the wrong shape, value or combination."""


class FileError(LiehamError, OSError):
    """A file is missing, truncated, of another kind, or in the way."""


class IntegrationError(LiehamError, RuntimeError):
    """An integration left the finite numbers or did not converge."""


class Interrupted(KeyboardInterrupt):
    """A run was stopped by the user; `run` is the folder from which it resumes.

    Like every KeyboardInterrupt it is no Exception, so that a caller's `except Exception` does not swallow Ctrl-C.
    """

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


def check_integer(name: str, value: object) -> None:
    """Raise InputError unless `value` is an integer, and no bool.

    Args:
        name: the argument, as the person typed it.
        value: its value.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise expected(name, "an integer", repr(value))


def check_number(name: str, value: object) -> None:
    """Raise InputError unless `value` is a real number, and no bool; a number that is written as text is none.

    Args:
        name: the argument, as the person typed it.
        value: its value.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise expected(name, "a number", repr(value))


def check_flag(name: str, value: object) -> None:
    """Raise InputError unless `value` is True or False.

    Args:
        name: the argument, as the person typed it.
        value: its value.
    """
    if not isinstance(value, bool):
        raise expected(name, "True or False", repr(value))


def check_offers(name: str, value: object, wanted: str, needed: Sequence[str]) -> None:
    """Raise InputError unless an argument offers what a thing of its kind does, whatever its class is.

    Args:
        name: the argument, as the person typed it.
        value: its value.
        wanted: the kind of thing that it must be, in words.
        needed: attributes of such a thing.

    Example:
        >>> check_offers("model", 3, "a Hamiltonian, such as HLieConv", ("field",))
        Traceback (most recent call last):
        ...
        lieham.errors.InputError: model must be a Hamiltonian, such as HLieConv, got an int
    """
    if not all(hasattr(value, attribute) for attribute in needed):
        kind = type(value).__name__
        raise expected(name, wanted, f"{'an' if kind[0] in 'aeiouAEIO' else 'a'} {kind}")
