"""The command line: `lieham demo | generate | train | forecast | conservation | audit | evaluate | data`.

Nothing here imports torch before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable

from lieham.errors import Interrupted, LiehamError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors of the input end in one sentence and exit code 2, Ctrl-C in code 130."""
    from jsonargparse import auto_cli

    from lieham import __version__
    from lieham.cli.commands import COMMANDS

    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"lieham {__version__}")
        return 0
    try:
        full = switched_on(of_trajectories(arguments))
        code = auto_cli(COMMANDS, args=full, prog="lieham", description=__doc__.splitlines()[0])
    except Interrupted as stopped:
        kind = f" {arguments[1]}" if arguments[1:2] in (["digits"], ["qm9"]) else ""
        again = f": lieham train{kind} --resume true --run {stopped.run}" if stopped.run else ""
        print(f"lieham: {stopped}{again}", file=sys.stderr)
        return 130
    except (LiehamError, OSError) as error:  # an OSError of the system names the file, or the disk that is full
        print(f"lieham: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lieham: interrupted", file=sys.stderr)
        return 130
    return code or 0


def of_trajectories(arguments: list[str]) -> list[str]:
    """`train` without saying of what means `train trajectories`."""
    from lieham.cli.commands import COMMANDS

    if arguments[:1] != ["train"] or arguments[1:2] in [[x] for x in (*COMMANDS["train"], "-h", "--help")]:
        return arguments
    return ["train", "trajectories", *arguments[1:]]


def switched_on(arguments: list[str]) -> list[str]:
    """`--json` alone means `--json true`, and so for every switch of a command."""
    from lieham.cli.commands import SWITCHES

    completed = []
    for k, x in enumerate(arguments):
        alone = x in SWITCHES and arguments[k + 1 : k + 2] not in (["true"], ["false"])
        completed += [x, "true"] if alone else [x]
    return completed


def show(figures: dict, json: bool, text: Callable[[dict], str]) -> None:
    """Print figures as JSON or as `text` has them."""
    print(json_format.dumps(figures, indent=2) if json else text(figures))
