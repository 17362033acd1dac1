"""This module is the entry of the command line: it lists the commands, parses options, and turns errors into codes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionYesNo, ArgumentParser, auto_cli, auto_parser

import lieham
from lieham import training
from lieham.cli.audit import CheckSymmetry
from lieham.cli.command import Command
from lieham.cli.completion import completion_script
from lieham.cli.conservation import ShowConservation
from lieham.cli.data import Describe
from lieham.cli.demo import Demo
from lieham.cli.evaluate import Evaluate
from lieham.cli.forecast import MakeForecast
from lieham.cli.generate import Generate
from lieham.cli.kinds import KINDS
from lieham.cli.runs import TRAJECTORIES, kind_name
from lieham.errors import FileError, Interrupted, LiehamError, LiehamWarning, expected

CONFIG_HELP = "YAML file of options, such as --print_config prints; train takes the config.yaml of a run too."
DESCRIPTION = (
    "Learn the Hamiltonian of an n-body system from its trajectories, forecast it, and show what it conserves."
)


@dataclass(frozen=True)
class Completion(Command):
    """Print the script that lets a shell complete this command line; it needs the extra `completion`.

    Args:
        shell: shell that the script is for: bash, zsh or tcsh.
    """

    shell: str

    def __call__(self) -> None:
        parser = auto_parser(COMMANDS, return_instance=True, **PARSER)
        paths = {f.name for command in _leaves(COMMANDS) for f in fields(command) if "Path" in str(f.type)}
        print(completion_script(parser, self.shell, paths | {"config"}))


COMMANDS: dict[str, Any] = {
    "demo": Demo,
    "generate": Generate,
    "train": {
        "_help": "Learn from trajectories (meant where no kind is named), from digits or from molecules.",
        **KINDS,
    },
    "forecast": MakeForecast,
    "conservation": ShowConservation,
    "audit": CheckSymmetry,
    "evaluate": Evaluate,
    "data": {"_help": "Look into a file of trajectories.", "describe": Describe},
    "completion": Completion,
}


class Parser(ArgumentParser):
    """A parser that makes every option of type bool a flag: --json sets it, and --no_json undoes what a file says."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Add an option; options of nested settings, such as --train.ridge, still take a value true or false."""
        if settings.get("type") is bool:
            del settings["type"]
            settings["action"] = ActionYesNo
        return super().add_argument(*names, **settings)


PARSER: dict[str, Any] = {
    "prog": "lieham",
    "description": DESCRIPTION,
    "config_help": CONFIG_HELP,
    "parser_class": Parser,
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command. An error of the input prints one sentence and gives exit code 2; Ctrl-C gives code 130.

    Args:
        arguments: the words after `lieham`; by default the words that the process was started with.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"lieham {lieham.__version__}")
        return 0
    try:
        full = with_own_configs(with_kind(arguments))
        with warnings.catch_warnings():
            warnings.showwarning = partial(_show_warning, warnings.showwarning)
            warnings.simplefilter("always", LiehamWarning)
            return auto_cli(COMMANDS, args=full, return_instance=True, **PARSER)() or 0
    except Interrupted as stopped:
        print(f"lieham: {stopped}", file=sys.stderr)
        return 130
    except (LiehamError, OSError) as error:  # an OSError of the system names the file, or the disk that is full
        print(f"lieham: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lieham: interrupted", file=sys.stderr)
        return 130


def _show_warning(others: Callable[..., None], message: Any, category: type, *place: Any, **more: Any) -> None:
    """Print a warning of ours as one line without the place in the code, and leave others as they are."""
    if issubclass(category, LiehamWarning):
        print(f"lieham: warning: {message}", file=sys.stderr)
    else:
        others(message, category, *place, **more)


def with_kind(arguments: list[str]) -> list[str]:
    """Return the arguments with the kind `trajectories` put after a `train` that names no kind of data."""
    if arguments[:1] != ["train"] or arguments[1:2] in [[x] for x in (*KINDS, "-h", "--help")]:
        return arguments
    return ["train", TRAJECTORIES, *arguments[1:]]


def with_own_configs(arguments: list[str]) -> list[str]:
    """Replace a run's config.yaml in `train --config` by the options, as YAML, that repeat this run."""
    if arguments[:1] != ["train"]:
        return arguments
    joined = [x.removeprefix("--config=") if x.startswith("--config=") else None for x in arguments]
    found = []
    for k, word in enumerate(arguments):
        path = joined[k] or (word if arguments[k - 1 : k] == ["--config"] else None)
        text = None if path is None else _own_options(path, arguments[1])
        found += [word] if text is None else [f"--config={text}"] if joined[k] else [text]
    return found


def _own_options(path: str, name: str) -> str | None:
    """Return the options, as YAML, of a run's config.yaml, or None for another file.

    Raises:
        InputError: the run was trained on another kind of data than `name`.
        FileError: the file lacks a setting.
    """
    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text()) if file.is_file() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        return None
    config = training.RunFolder.read(file)
    if (own := kind_name(config)) != name:
        raise expected("config", f"one of `lieham train {name}`", f"{path} of `lieham train {own}`")
    try:
        return yaml.safe_dump(KINDS[name].options(config), sort_keys=False)
    except KeyError as error:
        raise FileError(f"config must be whole, got {path} without {error}") from error


def _leaves(commands: dict) -> list[Any]:
    """Return all commands, including those within groups of commands."""
    nested = [_leaves(x) if isinstance(x, dict) else [x] for name, x in commands.items() if name != "_help"]
    return [command for part in nested for command in part]
