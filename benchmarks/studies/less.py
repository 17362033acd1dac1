"""Learning from less: positions only, irregular times, noise, unknown masses, and the cost of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import torch

from benchmarks.data.observing import KINDS, POINTS, test_windows, training_data, with_masses
from benchmarks.engine.figures import finite, summary
from benchmarks.engine.models import own_training, shortened
from benchmarks.engine.rollouts import one_step, roll
from benchmarks.engine.runs import features_of
from benchmarks.engine.scoring import UNTRAINED_BASELINES
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import markdown, middle, number, seconds, spread
from lieham import Dataset, HLieConv, PhaseState, Trajectory, fit
from lieham._support.settings import changed
from lieham.errors import IntegrationError
from lieham.metrics import state_mse
from systems import SYSTEMS, System

SUBSTEPS = 4
SIZES = {
    "tiny": Size((10,), models=("lieham",), share=0.004, n_test=6),
    "quick": Size((20,), models=("lieham",), laws=("springs", "gravity"), share=0.1, n_test=500),
    "full": Size((20, 100), (0, 1, 2), models=("lieham",), laws=("springs", "gravity", "morse")),
}


def run(given: Given) -> None:
    """Train on every kind of observation of every law, and score the untrained baselines."""
    tiny = given.size.share < 0.01
    kinds = list(KINDS)[:2] if tiny else [x for x in KINDS if x in given.only] or list(KINDS)
    for law, name in product(given.laws, () if tiny else UNTRAINED_BASELINES):
        if name == "mean features" and not features_of(SYSTEMS[law]()):
            continue
        _record(given, law, name, "-", 0, 0)
    for (law, model, n, seed), kind in product(given.runs(), kinds):
        found = _record(given, law, model, kind, n, seed)
        given.say(f"{law}, {kind}, n_train={n}, seed={seed}: 5-step MSE {number(found.get('mse_5step_mean'))}")


def _record(given: Given, name: str, model: str, kind: str, n: int, seed: int) -> dict:
    law, n_test = SYSTEMS[name](), given.size.n_test
    own = {"law": name, "model": model, "kind": kind, "n_train": n, "seed": seed}
    training = shortened(own_training(n, seed), given.size.share)
    if n and KINDS[kind].observed != "exact":
        training = changed(training, {"observed": KINDS[kind].observed, "window": POINTS})
    protocol = {"n_test": n_test, "substeps": SUBSTEPS, "points": POINTS}
    settings = own | {"benchmark": "less", "data": law.provenance().as_dict()}
    settings |= {"training": asdict(training), "protocol": protocol}

    def measure() -> dict:
        if not n:
            windows = test_windows(law, KINDS["q, p"], n_test, 0)
            errors = state_mse(UNTRAINED_BASELINES[model](windows, law), windows.states(), windows.bodies.mask).mean(-1)
            return own | {"parameters": 0, "seconds": 0.0, "failed": None} | _named(errors)
        return own | _trained(law, kind, n, seed, training, n_test)

    return given.records.once(settings, measure)


def _trained(law: System, kind: str, n: int, seed: int, training, n_test: int) -> dict:
    data = training_data(law, KINDS[kind], n, seed)
    model = HLieConv(law.symmetry, data.bodies.features.shape[-1], lift="coset", seed=seed)
    size = {"parameters": sum(p.numel() for p in model.parameters())}
    try:
        history = fit(model, Dataset(train=data), config=training)
    except IntegrationError as error:
        return size | {"seconds": None, "failed": str(error)}
    mass = data.bodies.mass[0] if KINDS[kind].one_set else None
    return (
        size
        | {"seconds": history.seconds, "failed": None}
        | _score(model, law, test_windows(law, KINDS[kind], n_test, seed), mass)
    )


@torch.no_grad()
def _score(model: HLieConv, law: System, windows: Trajectory, mass: torch.Tensor | None) -> dict:
    """5-step MSE and √(Σ|F̂ − F|²/Σ|F|²) at the first states, forces and momenta in the law's own unit of mass."""
    seen = windows if mass is None else with_masses(windows, mass)
    unit = (windows.bodies.mass / seen.bodies.mass)[:, :, None]
    path = roll(model, seen, one_step(model.field(seen.bodies), SUBSTEPS))
    path = PhaseState(path.q, path.p * unit[:, None])
    t, state = torch.zeros((), dtype=windows.q.dtype), windows.state(0)
    learned, true = model.field(seen.bodies)(t, seen.state(0)).p * unit, law.field(windows.bodies)(t, state).p
    force = ((learned - true).square().sum() / true.square().sum()).sqrt().item()
    errors = state_mse(path, windows.states(), windows.bodies.mask).mean(-1)
    return {"force": finite(force)} | _named(errors)


def _named(errors: torch.Tensor) -> dict:
    return {f"mse_5step_{name}": value for name, value in summary(errors).items()}


def table(results: Sequence[dict]) -> str:
    """A row for each law, training set and kind of observation, quartiles over seeds; untrained baselines first."""
    groups: dict[tuple, list[dict]] = {}
    for x in results:
        groups.setdefault((x["law"], x["n_train"], x["model"], x["kind"]), []).append(x)
    rows = []
    for (law, n, model, kind), runs in sorted(groups.items(), key=lambda item: item[0][:2]):
        force = spread(middle(runs, "force")) if n else "-"
        five = [spread(middle(runs, "mse_5step_mean")), number(middle(runs, "mse_5step_median")["median"])]
        rows.append([law, str(n or "-"), model, kind, str(len(runs)), seconds(runs), force, *five])
    head = ["law", "n_train", "model", "observed", "seeds", "seconds", "force error", "5-step mean", "5-step median"]
    return markdown(head, rows)
