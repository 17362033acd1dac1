"""Figures of results on images and molecules: errors by group, and against the number of molecules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.ticker import NullLocator

from benchmarks.engine.axes import loglog, saved
from benchmarks.engine.figures import over_seeds
from lieham.plotting.style import COLOURS


def plot_digits(results: list[dict], stem: Path) -> list[Path]:
    """STEM-error.png: every seed's test error of every model, a row each; rings where training was upright."""
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
    return [saved(figure, axes, stem.with_name(f"{stem.name}-error.png"))]


def plot_molecules(results: list[dict], stem: Path) -> list[Path]:
    """STEM-TARGET.png: the error against the number of training molecules, dashed on turned molecules."""
    images = []
    for target in dict.fromkeys(x["target"] for x in results):
        own = [x for x in results if x["target"] == target]
        figure, axes = loglog("training molecules", f"MAE of {target}, {own[0]['unit']}")
        for model, colour in zip(dict.fromkeys(x["model"] for x in own), COLOURS, strict=False):
            for name, style in (("mae", "o-"), ("turned", "s--")):
                known = [(x["n_train"], x[name]) for x in own if x["model"] == model and x.get(name) is not None]
                sizes = sorted({n for n, _ in known})
                errors = [over_seeds([y for m, y in known if m == n])["median"] for n in sizes]
                label = model if name == "mae" else f"{model}, turned"
                axes.plot(sizes, errors, style, color=colour, ms=4, lw=1.2, label=label if sizes else None)
        sizes = sorted({x["n_train"] for x in own})
        axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        images.append(saved(figure, axes, stem.with_name(f"{stem.name}-{target}.png")))
    return images


CLOUD_PLOTS: dict[str, Callable[[list[dict], Path], list[Path]]] = {"digits": plot_digits, "qm9": plot_molecules}
"""What draws the results of a benchmark."""
