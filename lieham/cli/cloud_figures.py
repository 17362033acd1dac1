"""Figures of a classifier or a regressor: how far off it is, beside what needs no learning; as text and as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lieham import plotting
from lieham.data import CloudDataset, PointClouds
from lieham.errors import InputError
from lieham.evaluate import confusion
from lieham.models import CloudModel, LieConvClassifier
from lieham.typing import Tensor
from systems.images.baselines import linear_error, nearest_neighbour_error
from systems.images.digits import CLASSES
from systems.images.pixels import as_images
from systems.molecules.baselines import linear_on_counts, mean_predictor

WRONG = 40
"""Wrongly read digits in a picture, at most."""


def figures_of(model: CloudModel, data: CloudDataset, split: str, said: Tensor) -> dict[str, object]:
    """How far off predictions of a split are, with the standard error of that mean, beside what needs no learning.

    `error` is a share of the digits; `mae` has the `unit` beside it, meV where the data have eV. The standard error of
    a share is the binomial one, √(e(1 − e)/k).
    """
    clouds, own = split_of(data, split), data.provenance.as_dict()
    classes = isinstance(model, LieConvClassifier)
    off = ((said != clouds.targets) if classes else (said - clouds.targets).abs()).double()
    unit, scale = ("", 1.0) if classes else unit_of(data)
    judged = replace(data, test=clouds)
    seen = {name: own[name] for name in ("target", "test_angles") if name in own}
    return {
        "data": own.get("protocol", own["source"]),
        **seen,
        "split": split,
        "clouds": {name: len(x) for name, x in data.splits.items()},
        "model": {"kind": type(model).__name__, "group": str(model.group), "lift": model.config["lift"]["kind"]},
        "exact": model.exact,
        "parameters": sum(p.numel() for p in model.parameters()),
        "error" if classes else "mae": off.mean().item() * scale,
        "standard_error": off.std(correction=0).item() / len(off) ** 0.5 * scale,
        "unit": unit,
        "floors": {name: x * scale for name, x in (_image_floors if classes else _molecule_floors)(judged).items()},
    }


def unit_of(data: CloudDataset) -> tuple[str, float]:
    """The unit to show targets in, and by what to multiply them: energies in meV."""
    unit = data.provenance.unit
    return ("meV", 1000.0) if unit == "eV" else (unit, 1.0)


def table(figures: dict) -> str:
    """The figures as text."""
    classes, own, split = "error" in figures, figures["model"], figures["split"]
    scale, unit = (100, "%") if classes else (1, figures["unit"])
    what = "error" if classes else f"MAE of {figures['target']}"
    name = f"{own['kind']} {own['group']}, lift {own['lift']}"
    value, deviation = (figures[x] * scale for x in ("error" if classes else "mae", "standard_error"))
    lines = [f"{what} of {figures['clouds'][split]} {split} items: {figures['data']}"]
    places = {"%": 2, "meV": 1}.get(unit, 3)
    lines += [f"  {name:<44} {value:10,.{places}f} {unit}, standard error {deviation:,.{places}f}"]
    lines += [f"  {floor:<44} {x * scale:10,.{places}f} {unit}" for floor, x in figures["floors"].items()]
    lines += [f"parameters {figures['parameters']}, symmetry {'exact' if figures['exact'] else 'on average only'}"]
    if "seconds" in figures:
        lines += [f"seconds: {', '.join(f'{stage} {x:.1f}' for stage, x in figures['seconds'].items())}"]
        lines += [f"config, log, model, figures.json and plots are in {figures['run']}"]
    return "\n".join(lines)


def draw(folder: Path, data: CloudDataset, split: str, said: Tensor) -> None:
    """confusion.png and wrong.png of digits, parity.png of numbers."""
    clouds = split_of(data, split)
    if clouds.targets.is_floating_point():
        unit, scale = unit_of(data)
        plotting.plot_parity(clouds.targets * scale, said * scale, folder / "parity.png", unit)
        return
    labels = [str(k) for k in range(CLASSES)]
    plotting.plot_confusion(confusion(clouds.targets, said, CLASSES), folder / "confusion.png", labels)
    wrong = (said != clouds.targets).nonzero().flatten()[:WRONG]
    if len(wrong):
        titles = [f"{clouds.targets[k]} as {said[k]}" for k in wrong]
        plotting.plot_digits(as_images(clouds[wrong]), titles, folder / "wrong.png")


def split_of(data: CloudDataset, name: str) -> PointClouds:
    """A split; InputError where there is none."""
    split = getattr(data, name)
    if split is None:
        raise InputError(f"n_{name} must be at least 1, got 0")
    return split


def _image_floors(data: CloudDataset) -> dict[str, float]:
    floors = {"nearest training image": nearest_neighbour_error(data)}
    return floors if data.val is None else floors | {"logistic regression on pixels": linear_error(data)}


def _molecule_floors(data: CloudDataset) -> dict[str, float]:
    """`data.test` is the split that is judged."""
    known = {"median of the training set": mean_predictor, "linear in the counts of elements": linear_on_counts}
    return {name: floor(data.train, data.test) for name, floor in known.items()}
