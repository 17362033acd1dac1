"""One run of a benchmark: train a model on a law, score it, keep the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import torch
from torch import nn

from benchmarks.engine.models import Entry, models, shortened
from benchmarks.engine.scoring import UNTRAINED_BASELINES, score, score_untrained
from benchmarks.engine.sizes import Given, trial
from lieham import fit
from lieham.errors import IntegrationError
from systems import SYSTEMS, System

Scored = Callable[[nn.Module], dict]
"""A trained model's figures."""


def measure(
    given: Given,
    run: tuple[str, str, int, int],
    protocol: dict,
    scored: Scored,
    method: str | None = None,
    entry: Entry | None = None,
    **changes: object,
) -> dict:
    """Train and score one model, unless the file holds the result. A training that diverges is a result too.

    Args:
        given: the file of results and the size.
        run: law, model, n_train and seed.
        protocol: every setting that `scored` depends on.
        scored: returns the figures of a trained model.
        method: the solver that makes the data; the law's `truth` by default.
        entry: the model, where it is none of `models`.
        changes: settings of the training that differ from the entry's.

    Returns:
        The result as the file holds it.
    """
    name, chosen, n_train, seed = run
    law, entry, share = SYSTEMS[name](), entry or models()[chosen], given.size.share
    model = entry.make(law, features_of(law), seed)
    training = replace(shortened(entry.training(n_train, seed), share), **changes)
    method = method or law.truth
    own = {"law": name, "model": chosen, "n_train": n_train, "seed": seed}
    size = {"parameters": sum(p.numel() for p in model.parameters())}
    n_val = given.size.n_val
    settings = own | {
        "benchmark": given.records.benchmark,
        "data": law.provenance(method=method, n_val=n_val).as_dict(),
        "network": size | {"config": getattr(model, "config", {})},
        "training": asdict(training),
        "protocol": protocol,
    }

    def train_and_score() -> dict:
        try:
            data = law.benchmark(n_train, seed, n_test=0, n_val=n_val, method=method)
            history = fit(model, data, config=training)
        except IntegrationError as error:
            return own | size | {"seconds": None, "failed": str(error)}
        return own | size | {"seconds": history.seconds, "failed": None} | scored(model)

    return given.records.once(settings, train_and_score)


def standard(given: Given) -> None:
    """Do every run of the size with the scores of `scoring`, and score the untrained baselines of every law."""
    size = given.size
    for law in given.laws:
        _score_untrained_baselines(given, law)
    for run in given.runs():
        result = measure(given, run, size.protocol, lambda model, law=run[0]: score(model, trial(law, size)))
        given.say(line(result))


def _score_untrained_baselines(given: Given, law: str) -> None:
    size, system = given.size, SYSTEMS[law]()
    for name in UNTRAINED_BASELINES:
        if name == "mean features" and not features_of(system):
            continue
        own = {"law": law, "model": name, "n_train": 0, "seed": 0}
        data = system.provenance().as_dict()
        settings = own | {"benchmark": given.records.benchmark, "data": data, "protocol": size.protocol}
        free = own | {"parameters": 0, "seconds": 0.0, "failed": None}
        given.records.once(settings, lambda name=name, free=free: free | score_untrained(name, trial(law, size)))


def features_of(law: System) -> int:
    """Return the number of features of a body beside its mass."""
    return law.sample(1, torch.Generator().manual_seed(0))[1].features.shape[-1]


def line(result: dict) -> str:
    """Return the line that is printed after a run."""
    five = result.get("mse_5step_mean")
    how = result["failed"] or f"5-step MSE {'diverged' if five is None else f'{five:.1e}'}, {result['seconds']:.0f} s"
    return f"{result['law']}, {result['model']}, n_train={result['n_train']}, seed={result['seed']}: {how}"
