"""This module does what runs on clouds of points share: models, figures beside those of baselines, and pictures."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lieham import models, training
from lieham._support.files import must_exist, write_json
from lieham._support.settings import changed
from lieham.cli.runs import Question, Train, built
from lieham.errors import InputError, check_choice, expected
from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig

if TYPE_CHECKING:
    from lieham.data import CloudDataset, PointClouds
    from lieham.models import CloudModel
    from lieham.training import History
    from lieham.typing import Tensor

ANGLES = ("train_angles", "test_angles")
SIZES = ("n_train", "n_val", "n_test")


class TrainClouds(Train):
    """A command that trains a classifier or a regressor; a subclass names its data, its score and its baselines."""

    train_type = CloudTrainConfig
    score: ClassVar[str]
    """The score is called error or mae, and stands under this name among the figures."""

    if TYPE_CHECKING:
        group: str
        folder: Path | None
        augment: bool
        seed: int
        model: CloudModelConfig

    @classmethod
    @abstractmethod
    def load(cls, settings: dict, sizes: dict, own: dict) -> CloudDataset:
        """Load the data of these settings.

        Args:
            settings: the section `data` of config.yaml.
            sizes: the sizes of the splits, as far as they are given.
            own: the augmentation and the dtype, as the loaders take them.

        Returns:
            The clouds in their splits.
        """

    @classmethod
    @abstractmethod
    def unit(cls, data: CloudDataset) -> tuple[str, float]:
        """Return the unit in which the score is given, and the factor that converts the score to it."""

    @classmethod
    @abstractmethod
    def baselines(cls, data: CloudDataset) -> dict[str, float]:
        """Return the scores of baselines, which need little or no learning, on `data.test`, in the targets' unit."""

    @classmethod
    @abstractmethod
    def shown(cls, figures: dict) -> tuple[str, str, float, int]:
        """Return the title of the scores in the table, their unit, the factor to it, and the decimal places."""

    @classmethod
    @abstractmethod
    def draw(cls, folder: Path, data: CloudDataset, split: str, predicted: Tensor) -> None:
        """Draw predictions beside the truth.

        Args:
            folder: the folder for the pictures.
            data: the data.
            split: the name of the split that was predicted.
            predicted: the predictions, (k,).
        """

    def settings(self) -> dict:
        sizes = {name: getattr(self, name) for name in SIZES}
        folder = None if self.folder is None else str(self.folder.resolve())
        settings = {"data": self.name, "folder": folder, **sizes, "seed": self.seed, "dtype": self.model.dtype}
        settings["augment"] = "rotations" if self.augment else ""
        return {name: x for name, x in settings.items() if x is not None}

    def moved(self) -> dict:
        return {} if self.folder is None else {"folder": str(self.folder)}

    @classmethod
    def dataset(cls, settings: dict) -> CloudDataset:
        import torch

        sizes = {name: settings[name] for name in SIZES if name in settings}
        own = {"augment": settings["augment"], "dtype": getattr(torch, settings["dtype"])}
        return cls.load(settings, sizes, own).with_provenance(**settings)

    def new_model(self, data: CloudDataset) -> CloudModel:
        split_of(data, "train")
        split_of(data, _judged(data))
        return models.model_for(data, self.group, self.model)

    @classmethod
    def rebuilt(cls, settings: dict) -> CloudModel:
        changed(CloudModelConfig(), _architecture(settings))
        return built(settings)

    @classmethod
    def options(cls, config: dict[str, dict]) -> dict:
        own, model = config["data"], config["model"]
        named = {name: own[name] for name in ("folder", *SIZES, "seed") if name in own}
        options = named | {"group": model["group"], "augment": bool(own["augment"])}
        return options | {"model": _architecture(model), "train": config["train"]}

    @classmethod
    def report(cls, model: CloudModel, data: CloudDataset, history: History, run: Path) -> dict:
        from lieham import plotting

        began, split = time.perf_counter(), _judged(data)
        predicted = predictions(model, data, split)
        figures = cls.figures(model, data, split, predicted) | {"learner": history.learner}
        cls.draw(run / "plots", data, split, predicted)
        plotting.plot_curves(history.rows, run / "plots" / "curves.png")
        seconds = {"training": round(history.seconds, 2), "scoring": round(time.perf_counter() - began, 2)}
        figures |= {"seconds": seconds, "run": str(run)}
        write_json(run / "figures.json", figures)
        return figures

    @classmethod
    def evaluated(cls, run: Path, question: Question) -> dict:
        check_choice("split", question.split, ("test", "val"))
        settings = training.RunFolder(run).config()["data"]
        if question.folder is not None:
            settings = {name: x for name, x in settings.items() if name not in ANGLES}
            settings["folder"] = str(question.folder)
        if question.angles is not None:
            if question.split != "test":
                raise expected("split", "test where angles are given, since the others keep theirs", question.split)
            settings["test_angles"] = question.angles
        model: Any = models.load_model(run)
        data = cls.dataset(settings)
        predicted = predictions(model, data, question.split)
        return cls.figures(model, data, question.split, predicted) | {"run": str(run)}

    @classmethod
    def figures(cls, model: CloudModel, data: CloudDataset, split: str, predicted: Tensor) -> dict[str, object]:
        """Return the score of predictions of a split, with its standard error, beside those of baselines.

        Args:
            model: the model that made the predictions.
            data: the data.
            split: the name of the split.
            predicted: the predictions, (k,).
        """
        from lieham.evaluate import Evaluation

        clouds, own = split_of(data, split), data.provenance.as_dict()
        found, (unit, scale) = Evaluation(model.metric, predicted, clouds.targets), cls.unit(data)
        baselines = cls.baselines(replace(data, test=clouds))
        lift: Any = model.config["lift"]
        return {
            "data": own.get("protocol", own["source"]),
            **{name: own[name] for name in ("target", "test_angles") if name in own},
            "split": split,
            "clouds": {name: len(x) for name, x in data.splits.items()},
            "model": {"kind": type(model).__name__, "group": str(model.group), "lift": lift["kind"]},
            "exact": model.exact,
            "parameters": sum(p.numel() for p in model.parameters()),
            cls.score: found.score * scale,
            "standard_error": found.standard_error * scale,
            "unit": unit,
            "baselines": {name: x * scale for name, x in baselines.items()},
        }

    @classmethod
    def text(cls, figures: dict) -> str:
        own, split = figures["model"], figures["split"]
        title, unit, scale, places = cls.shown(figures)

        def row(name: str, score: float) -> str:
            return f"  {name:<44} {score * scale:10,.{places}f} {unit}"

        first = row(f"{own['kind']} {own['group']}, lift {own['lift']}", figures[cls.score])
        lines = [f"{title} of {figures['clouds'][split]} {split} items: {figures['data']}"]
        lines += [f"{first}, standard error {figures['standard_error'] * scale:,.{places}f}"]
        lines += [row(name, score) for name, score in figures["baselines"].items()]
        lines += [f"parameters {figures['parameters']}, symmetry {'exact' if figures['exact'] else 'on average only'}"]
        if "seconds" in figures:
            lines += [f"learned by {figures['learner']}"]
            lines += [f"seconds: {', '.join(f'{stage} {x:.1f}' for stage, x in figures['seconds'].items())}"]
            lines += [f"config, log, model, figures.json and plots are in {figures['run']}"]
        return "\n".join(lines)


def split_of(data: CloudDataset, name: str) -> PointClouds:
    """Return a split; raise InputError if there is none."""
    split = getattr(data, name)
    if split is None:
        raise InputError(f"n_{name} must be at least 1, got 0")
    return split


def predictions(model: CloudModel, data: CloudDataset, split: str) -> Tensor:
    """Return the predictions for a split: it is moved to the model's device, and the predictions are moved back."""
    from lieham.evaluate import predict

    clouds = split_of(data, split)
    return predict(model, clouds.to(model.bias.device)).to(clouds.targets.device)


def own_folder(settings: dict) -> Path | None:
    """Return the folder of one's own files if settings name one, else None; raise FileError if it is missing."""
    return must_exist(settings["folder"], "folder") if "folder" in settings else None


def no_angles(settings: dict) -> None:
    """Raise InputError if settings hold angles, which data from one's own files do not take."""
    if any(name in settings for name in ANGLES):
        raise InputError("angles must go with the 5,000 digits, got data that are not turned here")


def _judged(data: CloudDataset) -> str:
    """Return the name of the split that a run is judged on: test, or val if there is no test split."""
    return "val" if data.test is None else "test"


def _architecture(settings: dict) -> dict:
    """Return a model's settings, without those that follow from data and group, in `CloudModelConfig`'s order."""
    follow = ("kind", "group", "features", "classes")
    known = [f.name for f in fields(CloudModelConfig)]
    own = {name: x for name, x in settings.items() if name not in follow}
    return {name: own[name] for name in (*known, *(set(own) - set(known))) if name in own}
