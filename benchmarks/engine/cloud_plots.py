"""Figures of results on images and molecules: errors by group, and against the number of molecules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import NullLocator

from benchmarks.engine.axes import loglog, saved
from benchmarks.engine.figures import over_seeds
from lieham.plotting.style import COLOURS


def plot_digits(results: Sequence[dict], path: Path) -> Path:
    """Draw every seed's test error of every model, a row each, with squares where training was upright."""
    figure, axes = loglog("test error, %", "")
    names = list(dict.fromkeys(x["model"] for x in results))[::-1]
    for angles, colour, mark in (("all", COLOURS[0], "o"), ("upright", COLOURS[1], "s")):
        own = [x for x in results if x["angles"] == angles]
        rows, errors = [names.index(x["model"]) for x in own], [100 * x["error"] for x in own]
        label = f"trained on {'all angles' if angles == 'all' else 'upright digits'}"
        axes.plot(errors, rows, mark, color=colour, ms=6, mfc="none", label=label)
    ticks = [3, 5, 10, 20, 50, 90]
    axes.set(yscale="linear", yticks=range(len(names)), yticklabels=names, xticks=ticks, xticklabels=ticks)
    axes.minorticks_off()
    return saved(figure, axes, path)


def plot_molecules(results: Sequence[dict], path: Path) -> Path:
    """Draw one target's error against the number of training molecules, dashed on turned molecules."""
    figure, axes = loglog("training molecules", f"MAE of {results[0]['target']}, {results[0]['unit']}")
    for model, colour in zip(dict.fromkeys(x["model"] for x in results), COLOURS, strict=False):
        for name, style in (("mae", "o-"), ("turned", "s--")):
            known = [(x["n_train"], x[name]) for x in results if x["model"] == model and x.get(name) is not None]
            sizes = sorted({n for n, _ in known})
            errors = [over_seeds([y for m, y in known if m == n])["median"] for n in sizes]
            label = model if name == "mae" else f"{model}, turned"
            axes.plot(sizes, errors, style, color=colour, ms=4, lw=1.2, label=label if sizes else None)
    sizes = sorted({x["n_train"] for x in results})
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    return saved(figure, axes, path)
