"""Figures: trajectories, drift, errors, training, predictions. Each function writes one PNG, without global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lieham.files import replacing
from lieham.typing import Float, Int, Tensor

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""


def plot_trajectories(
    truth: Float[Tensor, "time n d"],
    forecast: Float[Tensor, "time n d"],
    path: str | Path,
    times: Float[Tensor, " time"],
) -> Path:
    """Positions of one system, true (lines) and forecast (dots): the plane of the first two coordinates, and x(t)."""
    figure, (plane, along) = _figure(2, width=11)
    a, b, t = (_numpy(x) for x in (truth, forecast, times))
    every = max(1, len(t) // 150)
    for k in range(a.shape[1]):
        colour = COLOURS[k % len(COLOURS)]
        y = (lambda z, k=k: z[:, k, 1]) if a.shape[2] > 1 else (lambda z: np.zeros(len(z)))
        plane.plot(a[:, k, 0], y(a), color=colour, lw=1)
        plane.plot(b[::every, k, 0], y(b)[::every], ".", color=colour, ms=3)
        plane.plot(a[0, k, 0], y(a)[0], "o", mfc="white", mec=colour, ms=7, zorder=5)
        along.plot(t, a[:, k, 0], color=colour, lw=1)
        along.plot(t[::every], b[::every, k, 0], ".", color=colour, ms=3)
    plane.set(xlabel="x", ylabel="y", title="paths: true (line), forecast (dots), start (ring)")
    plane.set_aspect("equal", adjustable="datalim")
    along.set(xlabel="time", ylabel="x", title="x of every body: true (line), forecast (dots)")
    return _save(figure, path)


def plot_drift(
    times: Float[Tensor, "batch time"],
    drifts: Mapping[str, Float[Tensor, "batch time"]],
    path: str | Path,
    round_off: float,
) -> Path:
    """Relative drift of every charge: the median over systems as a line, the largest as a shade, round-off dashed.

    The components of a vector, such as P_x and P_y, share their colour.
    """
    figure, (axes,) = _figure(1, width=7.5)
    floor = round_off / 8
    t = _numpy(times)[0] - _numpy(times)[0, 0]
    families: dict[str, float] = {}
    for name, drift in drifts.items():
        family = _family(name)
        families[family] = max(families.get(family, 0.0), _numpy(drift).max())
    for name, drift in drifts.items():
        family = _family(name)
        colour, values = COLOURS[list(families).index(family) % len(COLOURS)], np.maximum(_numpy(drift), floor)
        first = name == next(x for x in drifts if _family(x) == family)
        label = f"{family} (largest {families[family]:.0e})" if first else None
        axes.plot(t[1:], np.median(values, 0)[1:], color=colour, lw=1.2, label=label)
        axes.fill_between(t[1:], np.median(values, 0)[1:], values.max(0)[1:], color=colour, alpha=0.15, lw=0)
    axes.axhline(round_off, color="0.35", ls="--", lw=1)
    axes.annotate(
        f"round-off {round_off:.0e}",
        (0.99, round_off),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=8,
    )
    axes.set(
        yscale="log",
        xlabel="time",
        ylabel="|J(t) − J(0)| / scale",
        title="drift along the forecast: median and largest",
    )
    axes.legend(fontsize=8, ncol=2)
    return _save(figure, path)


def _family(name: str) -> str:
    """P of P_x, L_cm of L_cm_z."""
    return name[:-2] if name[-2:] in ("_x", "_y", "_z") else name


def plot_errors(
    times: Float[Tensor, " time"], errors: Mapping[str, Float[Tensor, "batch time"]], path: str | Path
) -> Path:
    """Mean squared error against time on a log axis: median over systems as a line, the quartiles as a shade."""
    figure, (axes,) = _figure(1, width=7.5)
    t = _numpy(times)
    for k, (name, error) in enumerate(errors.items()):
        colour = COLOURS[k % len(COLOURS)]
        low, middle, high = np.quantile(_numpy(error)[:, 1:], (0.25, 0.5, 0.75), axis=0)
        axes.plot(t[1:], middle, color=colour, lw=1.2, label=name)
        axes.fill_between(t[1:], low, high, color=colour, alpha=0.15, lw=0)
    axes.set(
        yscale="log", xlabel="time", ylabel="MSE of (q, p)", title="error growth: median and quartiles over systems"
    )
    axes.legend(fontsize=8)
    return _save(figure, path)


def plot_confusion(confusion: Int[Tensor, "c c"], path: str | Path, labels: Sequence[str]) -> Path:
    """How often each true class (row) was taken for each class (column): counts, and the share of the row as colour."""
    figure, (axes,) = _figure(1, width=6)
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
    return _save(figure, path)


def plot_digits(images: Float[Tensor, "k h w"], titles: Sequence[str], path: str | Path, columns: int = 8) -> Path:
    """Images side by side, dark on white, row by row from the top, each under its title."""
    rows = -(-len(images) // columns)
    figure, panels = _figure(columns, width=1.1 * columns, rows=rows, height=1.35 * rows)
    for axes in panels:
        axes.set_axis_off()
    for axes, image, title in zip(panels, _numpy(images), titles, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
    return _save(figure, path)


def plot_parity(true: Float[Tensor, " k"], predicted: Float[Tensor, " k"], path: str | Path, unit: str) -> Path:
    """Predicted against true values, the line where they agree, and the mean absolute error in the title."""
    figure, (axes,) = _figure(1, width=5.2)
    x, y = _numpy(true), _numpy(predicted)
    axes.axline((x[0], x[0]), slope=1, color="0.35", ls="--", lw=1)
    axes.plot(x, y, ".", color=COLOURS[0], ms=3, alpha=0.4, mew=0)
    axes.set(xlabel=f"true ({unit})", ylabel=f"predicted ({unit})", title=f"MAE {np.abs(x - y).mean():.3g} {unit}")
    axes.set_aspect("equal", adjustable="datalim")
    return _save(figure, path)


def plot_curves(rows: Sequence[Mapping[str, object]], path: str | Path) -> Path:
    """The training loss and the validation score of each row of a run's log.jsonl, on a log axis against the step."""
    figure, (axes,) = _figure(1, width=7.5)
    for name, colour in zip(("loss", "validation"), COLOURS, strict=False):
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        axes.plot(*zip(*points, strict=True), ".-", color=colour, lw=1.2, ms=5, label=name)
    axes.set(yscale="log", xlabel="step", title="training")
    axes.legend(fontsize=8)
    return _save(figure, path)


def _figure(panels: int, width: float, rows: int = 1, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """`rows` of `panels` each, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, panels, k + 1) for k in range(rows * panels)]
    for one in axes:
        one.grid(True, color="0.9", lw=0.6)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: str | Path) -> Path:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    return Path(path)


def _numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().double().numpy()
