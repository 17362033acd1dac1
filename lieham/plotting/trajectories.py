"""This module draws trajectories: their paths, the drift of their charges, and the growth of errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lieham.plotting.style import COLOURS, make_axes, to_numpy, write_figure
from lieham.typing import Float, Tensor


def plot_trajectories(
    truth: Float[Tensor, "time n d"],
    forecast: Float[Tensor, "time n d"],
    path: str | Path,
    times: Float[Tensor, " time"],
) -> Path:
    """Draw the positions of one system, true as lines and forecast as dots: y against x, and x against time.

    Args:
        truth: positions of the bodies along time; with one coordinate, y is 0.
        forecast: positions of the same bodies at the same times.
        path: the PNG file.
        times: the times of both.

    Returns:
        The path of the file.
    """
    figure, (plane, along) = make_axes(2, width=11)
    a, b, t = (to_numpy(x) for x in (truth, forecast, times))
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
    return write_figure(figure, path)


def plot_drift(
    times: Float[Tensor, "batch time"],
    drifts: Mapping[str, Float[Tensor, "batch time"]],
    path: str | Path,
    round_off: float,
) -> Path:
    """Draw the relative drift of every charge against time: median over systems as a line, the largest as a shade.

    The components of a vector, such as P_x and P_y, share their colour.

    Args:
        times: the times of the forecast; those of the first system are shown.
        drifts: |J(t) − J(0)| / scale of each charge, by its name.
        path: the PNG file.
        round_off: the machine epsilon, drawn as a dashed line.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=7.5)
    least = round_off / 8
    t = to_numpy(times)[0] - to_numpy(times)[0, 0]
    families: dict[str, float] = {}
    for name, drift in drifts.items():
        family = _family(name)
        families[family] = max(families.get(family, 0.0), to_numpy(drift).max())
    for name, drift in drifts.items():
        family = _family(name)
        colour, values = COLOURS[list(families).index(family) % len(COLOURS)], np.maximum(to_numpy(drift), least)
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
    return write_figure(figure, path)


def _family(name: str) -> str:
    """Return the name of the vector that a component belongs to: P for P_x, L_cm for L_cm_z."""
    return name[:-2] if name[-2:] in ("_x", "_y", "_z") else name


def plot_errors(
    times: Float[Tensor, " time"], errors: Mapping[str, Float[Tensor, "batch time"]], path: str | Path
) -> Path:
    """Draw mean squared errors against time on a log axis: median over systems as a line, quartiles as a shade.

    Args:
        times: the times of the forecast.
        errors: one curve for each system, by the name of the method.
        path: the PNG file.

    Returns:
        The path of the file.
    """
    figure, (axes,) = make_axes(1, width=7.5)
    t = to_numpy(times)
    for k, (name, error) in enumerate(errors.items()):
        colour = COLOURS[k % len(COLOURS)]
        low, middle, high = np.quantile(to_numpy(error)[:, 1:], (0.25, 0.5, 0.75), axis=0)
        axes.plot(t[1:], middle, color=colour, lw=1.2, label=name)
        axes.fill_between(t[1:], low, high, color=colour, alpha=0.15, lw=0)
    axes.set(
        yscale="log", xlabel="time", ylabel="MSE of (q, p)", title="error growth: median and quartiles over systems"
    )
    axes.legend(fontsize=8)
    return write_figure(figure, path)


def plot_positions(
    examples: Mapping[str, tuple[Float[Tensor, " time"], Float[Tensor, "time n d"]]], path: str | Path
) -> Path:
    """Draw the observed positions of one system for each name, in a row of two panels each.

    The left panel shows the plane of the first two coordinates, the right one every coordinate of every body against
    time. A body has one colour in a row. Its first coordinate is a full line, the second a dashed, the third a dotted
    one.

    Args:
        examples: times (time,) and positions (time, n, d), by name.
        path: the PNG file.

    Returns:
        The path of the file.
    """
    figure, panels = make_axes(2, width=11, rows=len(examples), height=3.6 * len(examples))
    for row, (name, (times, positions)) in enumerate(examples.items()):
        plane, along = panels[2 * row : 2 * row + 2]
        t, q = to_numpy(times), to_numpy(positions)
        marker = "." if len(t) <= 50 else ""
        for k in range(q.shape[1]):
            colour = COLOURS[k % len(COLOURS)]
            x, y = q[:, k, 0], q[:, k, 1] if q.shape[2] > 1 else np.zeros(len(t))
            plane.plot(x, y, color=colour, lw=1, marker=marker, ms=3)
            plane.plot(x[0], y[0], "o", mfc="white", mec=colour, ms=7, zorder=5)
            for values, style in zip(q[:, k].T, ("-", "--", ":"), strict=False):
                along.plot(t, values, style, color=colour, lw=1, marker=marker, ms=3)
        plane.set(xlabel="x", ylabel="y", title=f"{name}: paths of the first system, start (ring)")
        plane.set_aspect("equal", adjustable="datalim")
        along.set(xlabel="time", ylabel="position", title=f"{name}: {', '.join(_axis_names(q.shape[2]))} of every body")
    return write_figure(figure, path)


def _axis_names(dim: int) -> list[str]:
    """Return the names of the coordinates, each with the style of its line."""
    return ["x (full)", "y (dashed)", "z (dotted)"][:dim]
