"""QM9: mean absolute error of HOMO and U0 against the number of training molecules, by group, at equal budget.

QM9's molecules stand as they were optimised: a model may learn how. So each is scored on turned ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch

from benchmarks.engine.cloud_plots import plot_molecules
from benchmarks.engine.figures import over_seeds
from benchmarks.engine.report import Drawing
from benchmarks.engine.sizes import Given
from benchmarks.engine.tables import energies, energy, markdown
from lieham import fit
from lieham.evaluate import scores
from lieham.models import model_for
from systems.molecules.baselines import linear_on_counts, mean_predictor
from systems.molecules.presets import QM9_MODEL, QM9_TRAIN
from systems.molecules.qm9 import MoleculeOptions, molecules, random_rotations

MODELS: dict[str, tuple[str, str, dict]] = {
    "Trivial": ("Trivial(3)", "", {}),
    "T(3)": ("T(3)", "", {}),
    "T(3) turned": ("T(3)", "rotations", {}),
    "SE(3)": ("SE(3)", "", {"lift": {"kind": "coset", "own": True}}),
    "SE(3) tensors": ("SE(3)", "", {"lift": {"kind": "tensor", "fill": 0.4}, "width": 152}),
}
"""Group, augmentation, and changes to `QM9_MODEL`. The lifts of SE(3) are exact: on distances, or tensors, whose
neighborhoods end at the distance that 0.4 of the pairs are below, and whose width gives as many parameters."""

BASELINES = {"median of training": mean_predictor, "linear on atom counts": linear_on_counts}


@dataclass(frozen=True)
class Size:
    """Training molecules, targets, seeds, and the share of the steps."""

    n_train: tuple[int, ...] = (1_000, 5_000, 10_000)
    seeds: tuple[int, ...] = (0,)
    targets: tuple[str, ...] = ("homo", "u0")
    models: tuple[str, ...] = ("Trivial", "T(3)", "SE(3)", "SE(3) tensors")
    share: float = 1.0
    n_test: int = 10_000


SIZES = {
    "tiny": Size((100,), targets=("homo",), models=("SE(3)",), share=0.003, n_test=50),
    "quick": Size((1_000,), targets=("homo",), share=0.2, n_test=2_000),
    "full": Size(),
}


def run(given: Given) -> None:
    """Train every group on every number of molecules; the test molecules are the same for all."""
    size = given.size
    names = [x for x in (*MODELS, *BASELINES) if x in given.only] or [*BASELINES, *size.models]
    targets = [x for x in size.targets if x in given.only] or size.targets
    for seed in given.seeds or size.seeds:
        for target in targets:
            for n in given.n_train or size.n_train:
                for name in names:
                    given.say(line(measure(given, name, target, n, seed)))


def measure(given: Given, name: str, target: str, n_train: int, seed: int) -> dict:
    """The test error of one model, from the file if it is there."""
    own = {"model": name, "target": target, "n_train": n_train, "seed": seed}
    training = replace(QM9_TRAIN, steps=max(1, round(QM9_TRAIN.steps * given.size.share)), seed=seed)
    group, augment, changes = MODELS.get(name, ("", "", {}))
    config = replace(QM9_MODEL, seed=seed, **changes)
    data = {"target": target, "n_train": n_train, "n_val": 1_000, "n_test": given.size.n_test, "augment": augment}
    settings = own | {"benchmark": "qm9", "data": data}
    settings |= {"network": [group, asdict(config)], "training": asdict(training)} if group else {}

    def train_and_score() -> dict:
        found = molecules(target, n_train, 1_000, given.size.n_test, options=MoleculeOptions(augment=augment))
        unit = found.provenance.unit
        if not group:
            mae = BASELINES[name](found.train, found.test)
            return own | {"mae": mae, "unit": unit, "seconds": 0.0, "parameters": 0}
        model = model_for(found, group, config)
        history = fit(model, found, config=training)
        size = {"parameters": sum(p.numel() for p in model.parameters()), "unit": unit}
        turned = random_rotations(found.test, torch.Generator().manual_seed(1))
        errors = {"mae": scores(model, found.test)["mae"], "turned": scores(model, turned)["mae"]}
        return own | size | errors | {"seconds": history.seconds}

    return given.records.once(settings, train_and_score)


def line(x: dict) -> str:
    """The line that is printed after a run."""
    what = f"{x['target']}, {x['model']}, {x['n_train']} molecules, seed {x['seed']}"
    return f"{what}: MAE {energy(x['mae'], x['unit'])}, {x['seconds']:.0f} s"


def table(results: Sequence[dict]) -> str:
    """A row for each target and model, a column for each number of molecules: see `energies`."""
    sizes = sorted({x["n_train"] for x in results})
    head = ["target", "model", "parameters", "seconds", *(f"{n:,}" for n in sizes)]
    groups: dict[tuple, list[dict]] = {}
    for x in results:
        groups.setdefault((x["target"], x["model"]), []).append(x)
    rows = []
    for (target, model), runs in groups.items():
        seconds = over_seeds([x["seconds"] for x in runs])["median"]
        cells = [energies([x for x in runs if x["n_train"] == n]) for n in sizes]
        rows.append([target, model, f"{runs[0]['parameters']:,}", f"{seconds:.0f}", *cells])
    return markdown(head, rows)


def figures(results: Sequence[dict]) -> dict[str, Drawing]:
    """The error of every target against the number of molecules."""
    targets = dict.fromkeys(x["target"] for x in results)
    return {name: partial(plot_molecules, [x for x in results if x["target"] == name]) for name in targets}
