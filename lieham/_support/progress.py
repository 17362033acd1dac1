"""This module shows progress bars of long stages, on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""A progress callback is called as `progress(done, total)`."""


@contextmanager
def reporting(progress: Progress | None, label: str) -> Iterator[Progress]:
    """Yield `progress`; if it is None, yield a bar called `label` on a terminal, and a silent callback elsewhere."""
    if progress is not None:
        yield progress
    elif not sys.stderr.isatty():
        yield _silent
    else:
        with _bar(label) as report:
            yield report


def announce(line: str) -> None:
    """Write a line to standard error if it is a terminal, that is, if a bar would be shown there."""
    if sys.stderr.isatty():
        sys.stderr.write(line + "\n")


def _silent(done: int, total: int) -> None:
    """Ignore the progress."""


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
