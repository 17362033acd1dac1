"""Axes of the benchmarks' figures, and their files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lieham._support.files import replacing


def loglog(x: str, y: str) -> tuple[Figure, Axes]:
    """An empty figure with logarithmic axes."""
    figure = Figure(figsize=(7.5, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    axes.grid(True, color="0.9", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def saved(figure: Figure, axes: Axes, path: Path) -> Path:
    """The figure as a PNG, with a legend."""
    axes.legend(fontsize=7, ncol=2)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    return path
