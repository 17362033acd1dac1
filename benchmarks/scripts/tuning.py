"""Learning rates of the baselines: each trained alike at every rate: `python -m benchmarks tuning --laws springs`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.engine.models import models
from benchmarks.engine.runs import features_of
from benchmarks.engine.scoring import window_errors
from benchmarks.engine.tables import markdown, number
from lieham import fit
from lieham.errors import IntegrationError
from systems import SYSTEMS

RATES = (1e-3, 3e-3, 1e-2)


def main() -> None:
    """A row for each baseline: the median 5-step MSE on `tests` windows after each rate, for each law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laws", nargs="+", default=["springs", "gravity"])
    parser.add_argument("--models", nargs="+", default=[name for name in models() if name != "lieham"])
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--tests", type=int, default=300)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--refine", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in given.models:
        figures = [number(median(name, law, rate, given)) for law in given.laws for rate in RATES]
        rows.append([name, *figures])
        print(", ".join(rows[-1]), file=sys.stderr, flush=True)
    print(markdown(["model", *(f"{law} at {rate:g}" for law in given.laws for rate in RATES)], rows))


def median(name: str, law: str, rate: float, given: argparse.Namespace) -> float | None:
    """The median error over unseen windows; None where training diverged."""
    system, entry = SYSTEMS[law](), models()[name]
    model = entry.make(system, features_of(system), 0)
    config = replace(entry.training(given.windows, 0), lr=rate, steps=given.steps, refine=given.refine)
    try:
        fit(model, system.benchmark(given.windows, 0, n_test=0), config=config)
    except IntegrationError:
        return None
    test = system.benchmark(0, n_test=given.tests).test
    with torch.no_grad():
        return window_errors(model, test, 1, {"": test.states()})[""].nanmedian().item()


if __name__ == "__main__":
    main()
