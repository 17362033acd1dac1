"""Springs whose truth is the matrix exponential, in training and test: the error of learning alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.engine.figures import summary
from benchmarks.engine.runs import line, measure
from benchmarks.engine.scoring import window_errors
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import grouped, markdown, middle, number, seconds, spread
from systems import SYSTEMS

SUBSTEPS = 4
"""Steps of rkn4 between two points, in the loss and in the scores: one alone errs by 1e-10."""

SIZES = {
    "tiny": Size((4,), models=("lieham",), share=0.004, n_test=6),
    "quick": Size((10, 100, 1_000), (0, 1, 2), ("lieham",)),
    "full": Size((10, 100, 1_000), (0, 1, 2)),
}


def run(given: Given) -> None:
    """Train every model on every number of trajectories."""
    n_test = given.size.n_test
    protocol = {"n_test": n_test, "substeps": SUBSTEPS, "truth": "exact"}
    for one in given.runs():
        law = SYSTEMS[one[0]]()

        def score(model: torch.nn.Module, law=law) -> dict:
            windows = law.benchmark(0, n_test=n_test, method="exact").test
            with torch.no_grad():
                errors = window_errors(model, windows, SUBSTEPS, {"": windows.states()})[""]
            return {f"mse_5step_{name}": value for name, value in summary(errors).items()}

        given.say(line(measure(given, one, protocol, score, method="exact", substeps=SUBSTEPS)))


def table(results: Sequence[dict]) -> str:
    """A row for each model and training set, median and quartiles over seeds."""
    head = ["law", "n_train", "model", "seconds", "5-step mean", "5-step median"]
    rows = []
    for (law, model, n), runs in sorted(grouped(results).items()):
        mean, median = spread(middle(runs, "mse_5step_mean")), number(middle(runs, "mse_5step_median")["median"])
        rows.append([law, str(n), model, seconds(runs), mean, median])
    return markdown(head, rows)
