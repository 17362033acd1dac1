"""Charged bodies in space, the published protocol: positions from frame 30 to frame 40, encounters and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import torch

from benchmarks.data.charged import CLOSE, FIRST, LAST, LAWS, SUBSTEPS, simulate
from benchmarks.data.published import EGNN
from benchmarks.engine.figures import finite
from benchmarks.engine.models import models
from benchmarks.engine.sizes import Given, Size
from benchmarks.engine.tables import grouped, markdown, middle, number, seconds, spread
from lieham import fit
from lieham.data import Dataset
from lieham.integrate import Field, make_integrator
from lieham.state import Trajectory
from lieham.typing import Float, Tensor
from systems import ChargedParticles

WINDOWS = 4
"""Windows for each training trajectory: of 41 frames there are 10 that do not overlap."""
TEST_SEED = 101
"""Of the systems that are scored; the library was developed on others."""
FREE = "free flight"

SIZES = {
    "tiny": Size((4,), models=("lieham",), laws=("charged-particles",), share=0.004, n_test=6),
    "quick": Size((1_000,), models=("lieham",), laws=("charged-particles",), share=0.02, n_test=500),
    "full": Size((3_000,), (0, 1, 2), ("lieham",), ("charged-particles",), share=0.02, n_test=2_000),
}


def run(given: Given) -> None:
    """Train on all frames up to the last, score from frame 30 on; the untrained baselines too."""
    n_test = given.size.n_test
    protocol = {"n_test": n_test, "substeps": SUBSTEPS, "frames": [FIRST, LAST], "seed": TEST_SEED}
    law = ChargedParticles()
    test, closest = simulate(n_test, TEST_SEED)
    for _, name, n, seed in given.runs():
        entry = models()[name]
        model, config = entry.make(law, 1, seed), entry.training(n, seed)
        config = type(config)(**asdict(config) | {"steps": 1, "refine": 0, "refine_windows": WINDOWS * n})

        def trained(model=model, config=config, n=n, seed=seed) -> dict:
            history = fit(model, Dataset(train=simulate(n, 2 + seed)[0]), config=config)
            with torch.no_grad():
                return {"seconds": history.seconds} | score(model.field(test.bodies), test, closest)

        own = {"law": law.name, "model": name, "n_train": n, "seed": seed}
        settings = own | {"benchmark": "egnn", "training": asdict(config), "protocol": protocol}
        result = given.records.once(settings, lambda own=own, train=trained: own | {"failed": None} | train())
        given.say(f"{name}, n_train={n}, seed={seed}: position MSE {number(result['mse_mean'])}")
    for name in (FREE, *LAWS):
        own = {"law": law.name, "model": name, "n_train": 0, "seed": 0, "seconds": 0.0, "failed": None}
        settings = own | {"benchmark": "egnn", "protocol": protocol}
        given.records.once(settings, lambda own=own, name=name: own | _untrained(name, test, closest))


def score(field: Field, test: Trajectory, closest: Tensor, substeps: int = SUBSTEPS) -> dict:
    """Position MSE at the last frame from the first: over all systems, and over those without an encounter."""
    window = test.window(FIRST, LAST - FIRST + 1)
    path = make_integrator("yoshida4", substeps=substeps).integrate(field, window.state(0), window.times)
    return _figures((path.q[:, -1] - window.q[:, -1]).square().mean((-1, -2)), closest)


def _figures(error: Float[Tensor, " n"], closest: Tensor) -> dict:
    free = closest > CLOSE
    parts = {"mse": error, "free": error[free]}
    figures = {f"{name}_mean": finite(x.mean().item()) for name, x in parts.items()}
    medians = {f"{name}_median": finite(x.median().item()) for name, x in parts.items()}
    return figures | medians | {"encounters": 1 - free.double().mean().item()}


def _untrained(name: str, test: Trajectory, closest: Tensor) -> dict:
    if name in LAWS:
        field, substeps = LAWS[name]
        return score(field(test.bodies), test, closest, substeps)
    span = test.times[0, LAST] - test.times[0, FIRST]
    flown = test.q[:, FIRST] + span * test.p[:, FIRST]
    return _figures((flown - test.q[:, LAST]).square().mean((-1, -2)), closest)


def table(results: Sequence[dict]) -> str:
    """A row for each model, with quartiles over seeds; published means below."""
    head = ["model", "n_train", "seeds", "seconds", "mean", "median", "no encounter: mean", "median"]
    rows = []
    for (_, model, n), runs in sorted(grouped(results).items(), key=lambda x: -x[0][2]):
        names = ("mse_mean", "mse_median", "free_mean", "free_median")
        figures = [spread(middle(runs, x)) for x in names]
        rows.append([model, str(n or "-"), str(len(runs)), seconds(runs), *figures])
    return markdown(head, rows + [[f"{x} (published)", "3000", "-", "-", number(e), *"---"] for x, e in EGNN.items()])
