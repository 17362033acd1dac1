"""This module provides what all figures share: colours, axes, and files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lieham._support.files import replacing
from lieham.typing import Tensor

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""The colours are Okabe and Ito's palette, which colour-blind readers can tell apart."""


def make_axes(panels: int, width: float, rows: int = 1, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """Make a figure with a grid of axes.

    Args:
        panels: the number of axes in a row.
        width: the width of the figure, in inches.
        rows: the number of rows of axes.
        height: the height of the figure, in inches.

    Returns:
        The figure, and its axes row by row.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, panels, k + 1) for k in range(rows * panels)]
    for one in axes:
        one.grid(True, color="0.9", lw=0.6)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def write_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, whole or not at all, and return the path."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    return Path(path)


def to_numpy(x: Tensor) -> np.ndarray:
    """Return a tensor as a float64 array on the CPU."""
    return x.detach().cpu().double().numpy()
