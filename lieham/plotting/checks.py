"""This module draws the figure of an audit: the worst error of every check beside its tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from lieham.plotting.style import COLOURS, make_axes, write_figure

VERDICT_COLOURS = {"exact": COLOURS[5], "to round-off": COLOURS[2], "in distribution": COLOURS[4], "broken": COLOURS[1]}
"""The colours go from blue over green and orange to vermilion, from what holds exactly to what is broken."""
LEAST, MOST = 1e-18, 1e2
"""Errors outside this range are drawn at its ends, so an error of exactly 0 stands at the left end."""


def plot_checks(checks: Sequence[Mapping[str, Any]], path: str | Path, title: str) -> Path:
    """Draw one row a check: a dot at its worst error, coloured by the verdict, and a tick at its tolerance.

    Args:
        checks: rows with `name`, `worst`, `tolerance`, `verdict` (a key of `VERDICT_COLOURS`) and `declared`; a dot is
            hollow, and its name grey, where the property was looked at and not declared.
        path: the PNG file.
        title: the title of the figure.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=8, height=1.3 + 0.27 * len(checks))
    for row, check in enumerate(checks):
        colour, error = VERDICT_COLOURS[check["verdict"]], _within(check["worst"])
        face = colour if check["declared"] else "white"
        axes.plot([LEAST, error], [row, row], color=colour, lw=1.5, alpha=0.5, solid_capstyle="butt")
        axes.plot(error, row, "o", mfc=face, mec=colour, ms=7, clip_on=False, zorder=3)
        axes.plot(_within(check["tolerance"]), row, "|", color="0.2", ms=11, mew=1.6, clip_on=False)
    axes.set(xscale="log", xlim=(LEAST, MOST), ylim=(len(checks) - 0.4, -0.6), title=title)
    axes.set(xlabel="worst error found (an error of exactly 0 stands at the left end)", yticks=range(len(checks)))
    axes.set_yticklabels([check["name"] for check in checks], fontsize=8)
    for label, check in zip(axes.get_yticklabels(), checks, strict=True):
        label.set_color("0" if check["declared"] else "0.55")
    _legend(axes, checks)
    return write_figure(figure, path)


def _within(error: float) -> float:
    """Return the error, or the nearest end of the axis if the error lies outside."""
    return min(max(error, LEAST), MOST)


def _legend(axes: Axes, checks: Sequence[Mapping[str, Any]]) -> None:
    """Name the verdicts that occur, the tick, and the hollow dot if there is one."""
    for verdict, colour in VERDICT_COLOURS.items():
        if any(check["verdict"] == verdict for check in checks):
            axes.plot([], [], "o", color=colour, ms=7, label=verdict)
    axes.plot([], [], "|", color="0.2", ms=11, mew=1.6, label="tolerance")
    if not all(check["declared"] for check in checks):
        axes.plot([], [], "o", mfc="white", mec="0.4", ms=7, label="not declared")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
