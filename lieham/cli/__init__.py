"""The command line: `lieham demo | generate | train | forecast | conservation | audit | data`.

Nothing here imports torch before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import sys

from lieham.errors import Interrupted, LiehamError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors of the input end in one sentence and exit code 2, Ctrl-C in code 130."""
    from jsonargparse import auto_cli

    from lieham import __version__
    from lieham.cli.commands import COMMANDS

    if (sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        print(f"lieham {__version__}")
        return 0
    try:
        arguments = switched_on(sys.argv[1:] if arguments is None else arguments)
        code = auto_cli(COMMANDS, args=arguments, prog="lieham", description=__doc__.splitlines()[0])
    except Interrupted as stopped:
        again = f": lieham train --resume true --run {stopped.run}" if stopped.run else ""
        print(f"lieham: {stopped}{again}", file=sys.stderr)
        return 130
    except (LiehamError, OSError) as error:  # an OSError of the system names the file, or the disk that is full
        print(f"lieham: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lieham: interrupted", file=sys.stderr)
        return 130
    return code or 0


def switched_on(arguments: list[str]) -> list[str]:
    """`--json` alone means `--json true`, and so for every switch of a command."""
    from lieham.cli.commands import SWITCHES

    completed = []
    for k, x in enumerate(arguments):
        alone = x in SWITCHES and arguments[k + 1 : k + 2] not in (["true"], ["false"])
        completed += [x, "true"] if alone else [x]
    return completed
