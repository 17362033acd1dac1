"""Every law, learned by all models from the same few trajectories, beside baselines that need no training."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.engine.runs import standard
from benchmarks.engine.scoring import UNTRAINED_BASELINES
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import Group, grouped, markdown, middle, number, ratio, seconds, spread
from systems import SYSTEMS

LAWS = tuple(name for name in SYSTEMS if name != "charged-particles")
"""Bare charges take minutes to solve: their encounters need up to 4,096 steps between two points."""

QUICK = ("lieham", "second-order ODE", "EGNN force")
"""The baselines that learn most in few steps; the full size has all."""

SIZES = {
    "tiny": Size((4,), (0,), QUICK[::2], ("springs", "gravity"), share=0.004, n_test=6, unseen=2, horizons=(3,)),
    "quick": Size((100,), models=QUICK, laws=LAWS, share=0.04, n_test=200, unseen=10, horizons=(10, 99)),
    "full": Size((100, 1_000), (0, 1, 2), laws=LAWS, unseen=50),
}


def run(given: Given) -> None:
    """Train every model on every law."""
    standard(given)


def table(results: Sequence[dict]) -> str:
    """A row for each law, training set and model, and the untrained baselines of the law."""
    groups = grouped(results)
    means = {group: middle(runs, "mse_5step_mean")["median"] for group, runs in groups.items()}
    head = ["law", "n_train", "model", "seconds", "5-step mean", "median", "over best baseline", "over free flight"]
    rows = []
    for (law, model, n), runs in sorted(groups.items(), key=_order):
        mean = means[law, model, n]
        against = [ratio(mean, _best(means, law, n)), ratio(mean, means.get((law, "free flight", 0)))]
        figures = [spread(middle(runs, "mse_5step_mean")), number(middle(runs, "mse_5step_median")["median"])]
        rows.append([law, str(n or "-"), model, seconds(runs), *figures, *against])
    return markdown(head, rows)


def _order(item: tuple) -> tuple:
    (law, model, n), _ = item
    return law, n == 0, n, model != "lieham", model


def _best(means: dict[Group, float | None], law: str, n: int) -> float | None:
    """The smallest error of a baseline on this law and training set."""
    others = {model: x for (a, model, b), x in means.items() if (a, b) == (law, n) and x is not None}
    trained = set(others) - {"lieham", *UNTRAINED_BASELINES}
    return min((others[model] for model in trained), default=None)
