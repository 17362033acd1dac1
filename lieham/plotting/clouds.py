"""This module draws a confusion matrix, images with titles, and predicted against true values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lieham.plotting.style import COLOURS, make_axes, to_numpy, write_figure
from lieham.typing import Float, Int, Tensor


def plot_confusion(confusion: Int[Tensor, "c c"], path: str | Path, labels: Sequence[str]) -> Path:
    """Draw how often each true class (row) was taken for each class (column), in counts and as colour.

    Args:
        confusion: counts, with the true class as row and the predicted one as column.
        path: the PNG file.
        labels: names of the classes.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=6)
    counts = confusion.detach().cpu().numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*counts.nonzero(), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, color=colour)
    wrong = counts.sum() - counts.trace()
    title = f"{wrong} of {counts.sum()} wrong: {100 * wrong / max(counts.sum(), 1):.2f} %"
    ticks = range(len(labels))
    axes.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels, title=title)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(False)
    figure.colorbar(image, label="share of the true class")
    return write_figure(figure, path)


def plot_digits(images: Float[Tensor, "k h w"], titles: Sequence[str], path: str | Path, columns: int = 8) -> Path:
    """Draw images side by side, dark on white, row by row from the top, each under its title.

    Args:
        images: grey values from 0 to 1.
        titles: one title for each image.
        path: the PNG file.
        columns: the number of images in a row.

    Returns:
        The path of the file.
    """
    rows = -(-len(images) // columns)
    figure, panels = make_axes(columns, width=1.1 * columns, rows=rows, height=1.35 * rows)
    for axes in panels:
        axes.set_axis_off()
    for axes, image, title in zip(panels, to_numpy(images), titles, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
    return write_figure(figure, path)


def plot_parity(true: Float[Tensor, " k"], predicted: Float[Tensor, " k"], path: str | Path, unit: str) -> Path:
    """Draw predicted against true values with the line where they agree; the title gives the mean absolute error.

    Args:
        true: the true values, (k,).
        predicted: the predicted values of the same clouds, (k,).
        path: the PNG file.
        unit: the unit of the values.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=5.2)
    x, y = to_numpy(true), to_numpy(predicted)
    axes.axline((x[0], x[0]), slope=1, color="0.35", ls="--", lw=1)
    axes.plot(x, y, ".", color=COLOURS[0], ms=3, alpha=0.4, mew=0)
    axes.set(xlabel=f"true ({unit})", ylabel=f"predicted ({unit})", title=f"MAE {np.abs(x - y).mean():.3g} {unit}")
    axes.set_aspect("equal", adjustable="datalim")
    return write_figure(figure, path)
