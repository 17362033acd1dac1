"""This module draws the loss curves of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lieham.plotting.style import COLOURS, make_axes, write_figure


def plot_curves(rows: Sequence[Mapping[str, object]], path: str | Path) -> Path:
    """Draw the training loss and the validation score against the step, on a log axis.

    Args:
        rows: the rows of a run's log.jsonl, with `step` and, where they were measured, `loss` and `validation`.
        path: the PNG file.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=7.5)
    for name, colour in zip(("loss", "validation"), COLOURS, strict=False):
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        axes.plot(*zip(*points, strict=True), ".-", color=colour, lw=1.2, ms=5, label=name)
    axes.set(yscale="log", xlabel="step", title="training")
    axes.legend(fontsize=8)
    return write_figure(figure, path)
