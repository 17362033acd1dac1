"""RotMNIST's protocol on 5,000 digits: test error by group, and on angles that training never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from benchmarks.engine.cloud_plots import plot_digits
from benchmarks.engine.figures import over_seeds
from benchmarks.engine.report import Drawing
from benchmarks.engine.sizes import Given
from benchmarks.engine.tables import markdown, percent
from lieham import fit
from lieham.evaluate import scores
from lieham.models import model_for
from systems.images.baselines import linear_error, nearest_neighbour_error
from systems.images.digits import DigitOptions, digits
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN

MODELS = {
    "Trivial": ("Trivial(2)", {}),
    "T(2)": ("T(2)", {}),
    "T along x": ("T(1)xTrivial(1)", {}),
    "SO(2)": ("SO(2)", {}),
    "R*": ("R*(2)", {}),
    "R*xSO(2)": ("R*SO(2)", {}),
    "SE(2)": ("SE(2)", {"lift": "coset"}),
    "SE(2) tensors": ("SE(2)", {"lift": "tensor", "growth": 2.5}),
    "SE(2) sampled": ("SE(2)", {"lift": "sampled", "alpha": 0.02}),
}
"""Group and changes to `DIGITS_MODEL`: the paper samples SE(2), ours is exact; of like numbers of parameters."""

BASELINES = {
    "nearest neighbour": nearest_neighbour_error,
    "nearest of 24 turns": lambda data: nearest_neighbour_error(data, 24),
    "linear": linear_error,
}

ANGLES = {"all": (-180.0, 180.0), "upright": (0.0, 0.0)}
"""Angles of training and validation digits, in degrees; test digits are turned by any, and by none."""


@dataclass(frozen=True)
class Size:
    """Training digits, seeds for each range of training angles, and the share of the steps."""

    n_train: tuple[int, ...] = (3500,)
    seeds: tuple[int, ...] = (0, 1, 2)
    upright: tuple[int, ...] = (0,)
    models: tuple[str, ...] = ("Trivial", "T(2)", "SO(2)", "R*xSO(2)", "SE(2)", "SE(2) tensors", "SE(2) sampled")
    share: float = 1.0
    n_test: int = 1000


SIZES = {
    "tiny": Size((60,), (0,), (), ("T(2)",), 0.003, 40),
    "quick": Size(seeds=(0,), upright=(), share=0.1),
    "full": Size(),
}


def run(given: Given) -> None:
    """Train every group with every seed on digits turned by any angle, and on upright ones."""
    size = given.size
    names = [x for x in (*MODELS, *BASELINES) if x in given.only] or [*size.models, *BASELINES]
    for angles, seeds in (("all", given.seeds or size.seeds), ("upright", size.upright)):
        for seed in seeds:
            for name in names:
                for n in given.n_train or size.n_train:
                    given.say(line(measure(given, name, angles, n, seed)))


def measure(given: Given, name: str, angles: str, n_train: int, seed: int) -> dict:
    """Test errors of one model, from the file if they are there."""
    own = {"model": name, "angles": angles, "n_train": n_train, "seed": seed}
    training = replace(DIGITS_TRAIN, steps=max(1, round(DIGITS_TRAIN.steps * given.size.share)), seed=seed)
    group, changes = MODELS.get(name, ("", {}))
    config = replace(DIGITS_MODEL, seed=seed, **changes)
    data = {"n_train": n_train, "n_test": given.size.n_test, "seed": seed, "train_angles": ANGLES[angles]}
    settings = own | {"benchmark": "digits", "data": data}
    settings |= {"network": [group, asdict(config)], "training": asdict(training)} if group else {}

    def train_and_score() -> dict:
        sizes = (n_train, 500, given.size.n_test, seed)
        turned, upright = (digits(*sizes, DigitOptions(ANGLES[angles], x)) for x in ANGLES.values())
        if not group:
            return own | {"error": BASELINES[name](turned), "seconds": 0.0, "parameters": 0}
        model = model_for(turned, group, config)
        history = fit(model, turned, config=training)
        found = {"error": scores(model, turned.test)["error"], "upright": scores(model, upright.test)["error"]}
        return own | found | {"seconds": history.seconds, "parameters": sum(p.numel() for p in model.parameters())}

    return given.records.once(settings, train_and_score)


def line(result: dict) -> str:
    """Return the line that is printed after a run."""
    return (
        f"{result['model']}, trained on {result['angles']} angles, seed {result['seed']}: "
        f"test error {100 * result['error']:.1f} %, {result['seconds']:.0f} s"
    )


def table(results: Sequence[dict]) -> str:
    """A row for each model and range of training angles: median over seeds, and the extremes."""
    head = ["model", "training angles", "n_train", "seeds", "parameters", "seconds", "test error %", "upright %"]
    rows, groups = [], {}
    for x in results:
        groups.setdefault((x["model"], x["angles"], x["n_train"]), []).append(x)
    for (model, angles, n), runs in groups.items():
        cells = [model, angles, str(n), str(len(runs)), f"{runs[0]['parameters']:,}"]
        cells.append(f"{over_seeds([x['seconds'] for x in runs])['median']:.0f}")
        rows.append([*cells, *(percent([x.get(name) for x in runs]) for name in ("error", "upright"))])
    return markdown(head, rows)


def figures(results: Sequence[dict]) -> dict[str, Drawing]:
    """Every seed's test error by model."""
    return {"error": partial(plot_digits, results)}
