"""From 6 bodies to others: a model trained on 6-body springs, unchanged, on systems of 4, 8 and 20."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from benchmarks.engine.figures import finite, summary
from benchmarks.engine.runs import line, measure
from benchmarks.engine.scoring import window_errors
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import grouped, markdown, middle, number, ratio, seconds
from lieham import Trajectory
from lieham.errors import IntegrationError
from systems import SYSTEMS, System
from systems.baselines import exact

BODIES = (6, 4, 8, 20)
SUBSTEPS = 4
"""Steps of the integrator between two points: what larger systems need, that are stiffer."""

SIZES = {
    "tiny": Size((4,), models=("lieham", "FC"), share=0.004, n_test=6, unseen=2),
    "quick": Size((100,), models=("lieham",), n_test=500),
    "full": Size((100, 1_000), (0, 1, 2), laws=("springs", "gravity")),
}


def run(given: Given) -> None:
    """Train on the law's own number of bodies, score on each of `BODIES`."""
    protocol = {"bodies": list(BODIES), "n_test": given.size.n_test, "substeps": SUBSTEPS}
    for one in given.runs():
        law = one[0]
        result = measure(given, one, protocol, lambda model, law=law: score(model, law, given.size.n_test))
        given.say(line(result))


def score(model: nn.Module, law: str, n_test: int) -> dict:
    """By number of bodies: force error relative to the root mean square force, and 5-step MSE against `solve`; what a
    model says that does not take that many."""
    by_bodies = {str(n): _score(model, SYSTEMS[law](n_bodies=n), n_test) for n in BODIES}
    return {"bodies": by_bodies, "mse_5step_mean": by_bodies[str(BODIES[0])].get("mean")}


@torch.no_grad()
def _score(model: nn.Module, law: System, n_test: int) -> dict:
    windows = law.benchmark(0, n_test=n_test).test
    try:
        force = _force_error(model, law, windows)
        errors = window_errors(model, windows, SUBSTEPS, {"": exact(windows, law)})[""]
    except (RuntimeError, ValueError) as error:
        if isinstance(error, IntegrationError) or law.n_bodies == BODIES[0]:
            raise
        return {"refused": str(error)}
    return {"force": finite(force)} | summary(errors)


def _force_error(model: nn.Module, law: System, windows: Trajectory) -> float:
    """√(Σ |F̂ − F|² / Σ |F|²) at the first states."""
    t, state = torch.zeros((), dtype=windows.q.dtype), windows.state(0)
    learned, true = (x.field(windows.bodies)(t, state).p for x in (model, law))
    return ((learned - true).square().sum() / true.square().sum()).sqrt().item()


def table(results: Sequence[dict]) -> str:
    """A row for each model and number of bodies."""
    head = ["law", "n_train", "model", "seconds", "bodies", "force error", "over 6", "5-step mean", "over 6"]
    rows = []
    for (law, model, n), runs in grouped(results).items():
        for bodies in map(str, BODIES):
            here, base = ([r.get("bodies", {}).get(b, {}) for r in runs] for b in (bodies, str(BODIES[0])))
            figures = [law, str(n), model, seconds(runs), bodies]
            if any(x.get("refused") for x in here):
                rows.append([*figures, "refused", "-", "refused", "-"])
                continue
            for name in ("force", "mean"):
                x, y = (middle(of, name)["median"] for of in (here, base))
                figures += [number(x), ratio(x, y)]
            rows.append(figures)
    return markdown(head, rows)
