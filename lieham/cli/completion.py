"""This module makes the script with which a shell completes the command line: commands, options, names, files."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection

from lieham._support.names import LIFT_NAMES, METHODS
from lieham._support.settings import DTYPES, OBSERVED
from lieham.cli.runs import TRAJECTORIES
from lieham.errors import InputError, check_choice
from lieham.models.config import KINDS as MODEL_KINDS
from systems.molecules.presets import QM9_TARGETS
from systems.names import LAWS

SHELLS = ("bash", "zsh", "tcsh")

CHOICES = {
    "law": LAWS,
    "target": QM9_TARGETS,
    "method": ("auto", *METHODS),
    "split": ("train", "val", "test"),
    "model.kind": MODEL_KINDS,
    "model.block": ("gated", "paper"),
    "model.lift": LIFT_NAMES,
    "model.dtype": DTYPES,
    "train.method": ("auto", *METHODS),
    "train.observed": OBSERVED,
    "shell": SHELLS,
}
"""This table gives, for each option, the words that complete it."""


def completion_script(parser: ArgumentParser, shell: str, paths: Collection[str]) -> str:
    """Return the script that completes a parser's command line.

    Args:
        parser: the parser of all commands; it is changed, so that it cannot be used afterwards.
        shell: bash, zsh or tcsh.
        paths: names of the options whose values are files or folders.

    Returns:
        The script, which the shell is to evaluate.

    Raises:
        InputError: the shell is another one, or the extra `completion` is not installed.
    """
    check_choice("shell", shell, SHELLS)
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise InputError("shtab must be installed for completion: pip install 'lieham[completion]'") from error
    _prepare(parser, shtab.FILE, frozenset(paths))
    return shtab.complete(parser, shell)


def _prepare(parser: ArgumentParser, file: dict, paths: frozenset[str]) -> None:
    """Tell shtab which words complete each option of a parser and of its subcommands."""
    for action in list(parser._actions):
        if action.dest in CHOICES:
            action.choices = CHOICES[action.dest]
        elif action.dest in paths:
            setattr(action, "complete", file)  # noqa: B010 - shtab's own attribute
        elif isinstance(action.choices, dict):
            for subparser in action.choices.values():
                _prepare(subparser, file, paths)
            if TRAJECTORIES in action.choices:  # which may be left unsaid
                _offer(parser, action.choices[TRAJECTORIES])


def _offer(parser: ArgumentParser, implied: ArgumentParser) -> None:
    """Let a parser also complete the options of the subcommand that is implied if none is named."""
    known = {word for action in parser._actions for word in action.option_strings}
    parser._actions += [x for x in implied._actions if x.option_strings and not known & set(x.option_strings)]
