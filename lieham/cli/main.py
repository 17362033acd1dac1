"""This module is the entry of the command line: it lists the commands, parses options, and turns errors into codes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ActionYesNo, ArgumentParser, auto_cli, auto_parser

import lieham
from lieham import training
from lieham.cli.audit import CheckSymmetry
from lieham.cli.command import Command
from lieham.cli.completion import completion_script
from lieham.cli.conservation import ShowConservation
from lieham.cli.data import CheckData, Describe
from lieham.cli.demo import Demo
from lieham.cli.evaluate import Evaluate
from lieham.cli.forecast import MakeForecast
from lieham.cli.generate import Generate
from lieham.cli.kinds import KINDS
from lieham.cli.runs import TRAJECTORIES, kind_name
from lieham.errors import FileError, Interrupted, LiehamError, LiehamWarning, expected

CONFIG_HELP = "YAML file of options, such as --print_config prints, or the config.yaml of a run."
HELP = ("-h", "--help")
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
    "data": {"_help": "Look into a file of trajectories.", "describe": Describe, "check": CheckData},
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
        if arguments in [["train", word] for word in HELP]:
            _help_of_train()
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


def _help_of_train() -> NoReturn:
    """Print the kinds of data, then the options of the kind that is meant where none is named."""
    for words in (["train"], ["train", TRAJECTORIES]):
        with suppress(SystemExit):
            auto_cli(COMMANDS, args=[*words, "--help"], return_instance=True, **PARSER)
        if words == ["train"]:
            print(f"\nWhere no kind is named, {TRAJECTORIES} are meant:\n")
    raise SystemExit(0)


def _show_warning(others: Callable[..., None], message: Any, category: type, *place: Any, **more: Any) -> None:
    """Print a warning of ours as one line without the place in the code, and leave others as they are."""
    if issubclass(category, LiehamWarning):
        print(f"lieham: warning: {message}", file=sys.stderr)
    else:
        others(message, category, *place, **more)


def with_kind(arguments: list[str]) -> list[str]:
    """Return the arguments with the kind of data put after a `train` that names none.

    It is that of the run whose config.yaml is given, or else `trajectories`.
    """
    if arguments[:1] != ["train"] or arguments[1:2] in [[x] for x in (*KINDS, *HELP)]:
        return arguments
    named = [kind_name(config) for _, path in _configs(arguments) if (config := _of_a_run(path)) is not None]
    kind = next((name for name in named if name in KINDS), TRAJECTORIES)
    return ["train", kind, *arguments[1:]]


def with_own_configs(arguments: list[str]) -> list[str]:
    """Replace a run's config.yaml after `--config` by the options, as YAML, that it stands for.

    `train` repeats the run, and the other commands take the run itself, or its data. These options come first, so that
    those of the command line beat them.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return arguments
    words = 1 + isinstance(COMMANDS[arguments[0]], dict)
    found, left = arguments[:words], arguments[words:]
    for place, path in reversed(_configs(left)):
        config = _of_a_run(path)
        if config is not None:
            del left[place : place + 1 + (not left[place].startswith("--config="))]
            found = [*found, f"--config={_own_options(found[:words], Path(path), config)}"]
    return found + left


def _configs(arguments: list[str]) -> list[tuple[int, str]]:
    """Return the place of every --config among the arguments, with the file that it names."""
    joined = [(k, x.removeprefix("--config=")) for k, x in enumerate(arguments) if x.startswith("--config=")]
    apart = [(k, arguments[k + 1]) for k, x in enumerate(arguments[:-1]) if x == "--config"]
    return sorted(joined + apart)


def _of_a_run(path: str) -> dict[str, dict] | None:
    """Return the settings in the config.yaml of a run, which is a file or in a folder, or None for other options.

    Raises:
        FileError: the file is no text, or looks like a run's and lacks a section.
    """
    file = _config_file(Path(path))
    try:
        content = yaml.safe_load(file.read_text()) if file.is_file() else None
    except UnicodeDecodeError as error:
        raise FileError(f"config must be a YAML file of options, got {path}, which is no text") from error
    except (OSError, yaml.YAMLError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        return None
    return training.RunFolder.read(file)


def _config_file(path: Path) -> Path:
    try:
        return path / "config.yaml" if path.is_dir() else path
    except OSError:  # YAML in place of a file's name may be too long for one
        return path


def _own_options(words: list[str], path: Path, config: dict[str, dict]) -> str:
    """Return the options, as YAML, that a run's config.yaml stands for.

    Raises:
        InputError: it stands for none of this command's, as it does for `train` of another kind of data.
        FileError: the file lacks a setting.
    """
    command: Any = COMMANDS
    for word in words:
        command = command.get(word, {}) if isinstance(command, dict) else {}
    file = _config_file(path)
    try:
        options = None if isinstance(command, dict) else command.of_run(file.parent, config)
    except KeyError as error:
        raise FileError(f"config must be whole, got {path} without {error}") from error
    if options is None:
        remedy = f"`lieham train --config {path} --run NEW` repeats it"
        raise expected("config", f"a file of options of `lieham {' '.join(words)}`", f"{path} of a run: {remedy}")
    return yaml.safe_dump(options, sort_keys=False)


def _leaves(commands: dict) -> list[Any]:
    """Return all commands, including those within groups of commands."""
    nested = [_leaves(x) if isinstance(x, dict) else [x] for name, x in commands.items() if name != "_help"]
    return [command for part in nested for command in part]
