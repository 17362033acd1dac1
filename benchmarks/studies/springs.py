"""The published spring benchmark: 5-step and rollout MSE by the number of training trajectories."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.data.published import N_TRAIN, SPRINGS, SPRINGS_ROLLOUT
from benchmarks.engine.plots import law_figures
from benchmarks.engine.report import Drawing
from benchmarks.engine.runs import standard
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import grouped, markdown, middle, number, seconds, spread

SIZES = {
    "tiny": Size((4,), models=("lieham", "FC"), share=0.004, n_test=6, unseen=2, horizons=(3, 5)),
    "quick": Size((100,), (0, 1, 2), models=("lieham",)),
    "full": Size((10, 25, 50, 100, 400, 1_000, 3_000, 10_000), (0, 1, 2), unseen=100),
}


def run(given: Given) -> None:
    """Train every model on every number of trajectories."""
    standard(given)


def table(results: Sequence[dict]) -> str:
    """A row for each model and training set, median and quartiles over seeds; published means below."""
    steps = [k for k in next((x["mse_rollout"] for x in results if "mse_rollout" in x), {})]
    head = ["model", "n_train", "seeds", "seconds", "5-step mean", "5-step median", "mean, exact truth"]
    rows = [_row(model, n, runs, steps) for (_, model, n), runs in sorted(grouped(results).items(), key=_order)]
    shown = {n for _, _, n in grouped(results)}
    for model, curve in SPRINGS.items():
        rows += [_published(model, n, x, steps) for n, x in zip(N_TRAIN, curve, strict=True) if n in shown]
    return markdown([*head, *(f"rollout at {k}" for k in steps)], rows)


def figures(results: Sequence[dict]) -> dict[str, Drawing]:
    """The figures of springs, with the published curves."""
    points = {f"{model} (published), n = 10000": x for model, x in SPRINGS_ROLLOUT.items()}
    return law_figures(results, SPRINGS, points)


def _order(item: tuple) -> tuple:
    (_, model, n), _ = item
    return n == 0, n, model


def _row(model: str, n: int, runs: list[dict], steps: list[str]) -> list[str]:
    five = spread(middle(runs, "mse_5step_mean"))
    rest = [number(middle(runs, name)["median"]) for name in ("mse_5step_median", "mse_5step_exact_mean")]
    rollout = [number(middle(runs, "mse_rollout", k)["median"]) for k in steps]
    return [model, str(n or "-"), str(len(runs)), seconds(runs), five, *rest, *rollout]


def _published(model: str, n: int, mean: float, steps: list[str]) -> list[str]:
    known = SPRINGS_ROLLOUT.get(model, {}) if n == 10_000 else {}
    rollout = [number(known[int(k)]) if int(k) in known else "-" for k in steps]
    return [f"{model} (published)", str(n), "3", "-", number(mean), "-", "-", *rollout]
