"""Figures of a file of results: error against training trajectories, and against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.data.published import N_TRAIN
from benchmarks.engine.axes import loglog, saved
from benchmarks.engine.report import Drawing
from benchmarks.engine.tables import grouped, middle
from lieham.plotting.style import COLOURS

EXACT = "exact solution"


def law_figures(
    results: Sequence[dict],
    curves: Mapping[str, Sequence[float]] | None = None,
    points: Mapping[str, Mapping[int, float]] | None = None,
) -> dict[str, Drawing]:
    """The figures LAW-efficiency and LAW-rollout of every law that has such results.

    Args:
        results: the results of a study.
        curves: published errors at `N_TRAIN` training trajectories, by model.
        points: published errors of rollouts by step, by model.

    Returns:
        A drawing for each figure, by its name.
    """
    found: dict[str, Drawing] = {}
    for law in sorted({x["law"] for x in results}):
        own = [x for x in results if x["law"] == law]
        if any(x.get("mse_5step_mean") is not None and x["n_train"] for x in own):
            found[f"{law}-efficiency"] = partial(plot_efficiency, own, curves or {})
        if any("curve" in x for x in own):
            found[f"{law}-rollout"] = partial(plot_rollout, own, points or {})
    return found


def plot_efficiency(results: list[dict], published: Mapping[str, Sequence[float]], path: Path) -> Path:
    """5-step MSE against the number of training trajectories: median over seeds, quartiles as a band."""
    figure, axes = loglog("training trajectories", "5-step test MSE")
    groups = grouped(results)
    trained = dict.fromkeys(model for _, model, n in groups if n)
    for model, colour in zip(trained, COLOURS * len(trained), strict=False):
        points = {n: middle(runs, "mse_5step_mean") for (_, own, n), runs in groups.items() if own == model}
        _band(axes, sorted(points), [points[n] for n in sorted(points)], model, colour, marker="o")
    for k, (model, curve) in enumerate(published.items()):
        axes.plot(N_TRAIN, curve, ls="--", lw=1, color=f"{0.2 + 0.15 * k:g}", label=f"{model} (published)")
    levels = {model: middle(runs, "mse_5step_mean")["median"] for (_, model, n), runs in groups.items() if not n}
    for k, (model, level) in enumerate((x, y) for x, y in levels.items() if y):
        axes.axhline(level, color="0.6", lw=0.8, ls=":")
        place = (0.01 + 0.15 * k, level)  # side by side: levels may be close
        axes.annotate(model, place, xycoords=("axes fraction", "data"), fontsize=7, va="bottom")
    return saved(figure, axes, path)


def plot_rollout(results: list[dict], published: Mapping[str, Mapping[int, float]], path: Path) -> Path:
    """MSE against the exact solution along time, of the largest training set and the first seed that has it: median
    over systems, quartiles as a band."""
    figure, axes = loglog("time", "MSE of (q, p)")
    curves = {group: next((x for x in runs if "curve" in x), None) for group, runs in grouped(results).items()}
    largest = max(n for _, _, n in curves)
    shown = {group: x for group, x in curves.items() if x and group[1] != EXACT and group[2] in (0, largest)}
    for ((_, model, n), x), colour in zip(shown.items(), COLOURS * len(shown), strict=False):
        curve, step = x["curve"], x["settings"]["data"]["step"]
        figures = [{name: curve[name][k] for name in ("q25", "median", "q75")} for k in range(len(curve["step"]))]
        times = [k * step for k in curve["step"]]
        _band(axes, times, figures, f"{model}, n = {n}" if n else model, colour, ls="-" if n else ":")
    for k, (model, known) in enumerate(published.items()):
        grey = f"{0.2 + 0.3 * k:g}"
        axes.plot([i * step for i in known], list(known.values()), "s--", lw=1, ms=4, color=grey, label=model)
    return saved(figure, axes, path)


def _band(axes: Axes, x: list[int], figures: list[dict], label: str, colour: str, **style) -> None:
    low, line, high = (np.array([f[k] or np.nan for f in figures], float) for k in ("q25", "median", "q75"))
    axes.plot(x, line, color=colour, lw=1.4, label=label, ms=4, **style)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
