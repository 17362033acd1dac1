"""QM9: mean absolute error of HOMO and U0 against the number of training molecules, by group, at equal budget.

QM9's molecules stand as they were optimised: a model may learn how. So each is scored on turned ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch

from benchmarks.engine.figures import over_seeds
from benchmarks.engine.sizes import Given
from benchmarks.engine.tables import markdown
from lieham import fit
from lieham.evaluate import scores
from lieham.models import model_for
from systems.molecules.baselines import linear_on_counts, mean_predictor
from systems.molecules.presets import QM9_MODEL, QM9_TRAIN
from systems.molecules.qm9 import MoleculeOptions, molecules, random_rotations

MODELS = {
    "Trivial": ("Trivial(3)", ""),
    "T(3)": ("T(3)", ""),
    "T(3) turned": ("T(3)", "rotations"),
    "SE(3)": ("SE(3)", ""),
}
"""Group and augmentation; the lift of SE(3) is the exact one on distances."""

FLOORS = {"median of training": mean_predictor, "linear on atom counts": linear_on_counts}


@dataclass(frozen=True)
class Size:
    """Training molecules, targets, seeds, and the share of the steps."""

    n_train: tuple[int, ...] = (1_000, 5_000, 10_000)
    seeds: tuple[int, ...] = (0,)
    targets: tuple[str, ...] = ("homo", "u0")
    models: tuple[str, ...] = ("Trivial", "T(3)", "SE(3)")
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
    names = [x for x in (*MODELS, *FLOORS) if x in given.only] or [*FLOORS, *size.models]
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
    group, augment = MODELS.get(name, ("", ""))
    config = replace(QM9_MODEL, seed=seed)
    data = {"target": target, "n_train": n_train, "n_val": 1_000, "n_test": given.size.n_test, "augment": augment}
    settings = own | {"benchmark": "qm9", "data": data}
    settings |= {"network": [group, asdict(config)], "training": asdict(training)} if group else {}

    def train_and_score() -> dict:
        found = molecules(target, n_train, 1_000, given.size.n_test, options=MoleculeOptions(augment=augment))
        unit = found.provenance.unit
        if not group:
            return own | {"mae": FLOORS[name](found.train, found.test), "unit": unit, "seconds": 0.0, "parameters": 0}
        model = model_for(found, group, config)
        history = fit(model, found, config=training)
        size = {"parameters": sum(p.numel() for p in model.parameters()), "unit": unit}
        turned = random_rotations(found.test, torch.Generator().manual_seed(1))
        errors = {"mae": scores(model, found.test)["mae"], "turned": scores(model, turned)["mae"]}
        return own | size | errors | {"seconds": history.seconds}

    return given.records.once(settings, train_and_score)


def line(x: dict) -> str:
    """What is said after a run."""
    what = f"{x['target']}, {x['model']}, {x['n_train']} molecules, seed {x['seed']}"
    return f"{what}: MAE {shown(x['mae'], x['unit'])}, {x['seconds']:.0f} s"


def shown(mae: float, unit: str) -> str:
    """In meV where the unit is eV."""
    return f"{1000 * mae:.0f} meV" if unit == "eV" else f"{mae:.3g} {unit}"


def table(results: Sequence[dict]) -> str:
    """A row for each target and model, a column for each number of molecules: see `cell`."""
    sizes = sorted({x["n_train"] for x in results})
    head = ["target", "model", "parameters", "seconds", *(f"{n:,}" for n in sizes)]
    groups: dict[tuple, list[dict]] = {}
    for x in results:
        groups.setdefault((x["target"], x["model"]), []).append(x)
    rows = []
    for (target, model), runs in groups.items():
        seconds = over_seeds([x["seconds"] for x in runs])["median"]
        cells = [cell([x for x in runs if x["n_train"] == n]) for n in sizes]
        rows.append([target, model, f"{runs[0]['parameters']:,}", f"{seconds:.0f}", *cells])
    return markdown(head, rows)


def cell(runs: Sequence[dict]) -> str:
    """The median over seeds, and in brackets that of turned molecules, where it was measured."""
    errors = [[x.get(name) for x in runs] for name in ("mae", "turned")]
    known = [shown(over_seeds(v)["median"], runs[0]["unit"]) for v in errors if v and None not in v]
    return "-" if not known else known[0] if len(known) == 1 else f"{known[0]} ({known[1]})"
