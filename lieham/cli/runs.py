"""This module starts, resumes and repeats runs in a run folder, for every kind of data.

A kind of data is a subclass of `Train`, the command that trains on it. Nothing here imports torch before a run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from lieham import models, training
from lieham._support.settings import changed
from lieham.cli.command import Command, show
from lieham.errors import InputError, Interrupted, check_choice, expected

if TYPE_CHECKING:
    from lieham.training import History
    from lieham.training.config import CloudTrainConfig, TrainConfig

TRAJECTORIES = "trajectories"
"""A run has this kind if its config.yaml names none, as for a run that `fit` made without the command line."""


AnyData: TypeAlias = Any
"""This type is `Dataset` or `CloudDataset`, depending on the kind of data."""
AnyModel: TypeAlias = Any
"""This type is a model that learns from such data."""


@dataclass(frozen=True)
class Question:
    """A question that `evaluate` asks of a run: it names a split, the data's folder, and angles of the test digits."""

    split: str
    folder: Path | None = None
    angles: tuple[float, float] | None = None


class Train(Command):
    """A command that trains on one kind of data, and that knows how to rebuild and evaluate its runs.

    A subclass is a frozen dataclass of the options, with a `name`, and one line in `kinds.KINDS`.
    """

    name: ClassVar[str]
    """The name of the kind is the word after `lieham train`, and the entry `data` in config.yaml."""

    if TYPE_CHECKING:  # the parser would look for these names in the modules of the subclasses
        train_type: ClassVar[type[TrainConfig] | type[CloudTrainConfig]]
        run: Path
        train: TrainConfig | CloudTrainConfig
        resume: bool
        json: bool

    def __call__(self) -> None:
        with resumable(f"train {self.name}"):
            figures = resume_run(self) if self.resume else start_run(self)
        show(figures, self.json, self.text)

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        """Return the options that repeat the run; raise InputError if another kind of data was trained on."""
        if (own := kind_name(config)) != cls.name:
            raise expected(
                "config", f"one of `lieham train {cls.name}`", f"{folder / 'config.yaml'} of `lieham train {own}`"
            )
        return cls.options(config)

    @abstractmethod
    def settings(self) -> dict:
        """Return the options that decide what the data are, as config.yaml has them under `data`."""

    @abstractmethod
    def moved(self) -> dict:
        """Return the settings that a resumed run takes from the command line: the place where its data are now."""

    @classmethod
    @abstractmethod
    def dataset(cls, settings: dict) -> AnyData:
        """Return the data that these settings describe; their provenance keeps the settings."""

    @abstractmethod
    def new_model(self, data: AnyData) -> AnyModel:
        """Return an untrained model for the data."""

    @classmethod
    @abstractmethod
    def rebuilt(cls, settings: dict) -> AnyModel:
        """Return an untrained model with the settings of a run, as config.yaml has them under `model`."""

    @classmethod
    @abstractmethod
    def options(cls, config: dict[str, dict]) -> dict:
        """Return the options, except `run`, with which this command repeats the run of a config.yaml."""

    @classmethod
    @abstractmethod
    def report(cls, model: AnyModel, data: AnyData, history: History, run: Path) -> dict:
        """Return the figures of a trained model; files such as pictures may be written to the run folder.

        Args:
            model: the trained model.
            data: the data that it was trained on.
            history: the history of the training.
            run: the run folder.
        """

    @classmethod
    @abstractmethod
    def text(cls, figures: dict) -> str:
        """Return the figures as text."""

    @classmethod
    @abstractmethod
    def evaluated(cls, run: Path, question: Question) -> dict:
        """Return the figures of a trained model on one split.

        Raises:
            InputError: `lieham evaluate` is not for this kind of data.
        """


def start_run(command: Train) -> dict:
    """Train a new model in a new run folder, and return the figures that the command prints."""
    training.RunFolder(command.run).must_be_new()
    data = command.dataset(command.settings())
    model = command.new_model(data)
    history = training.fit(model, data, config=command.train, run=command.run)
    return command.report(model, data, history, command.run)


def resume_run(command: Train) -> dict:
    """Continue an interrupted run with its own settings, on its data, which may have moved; return the figures."""
    config = training.RunFolder(command.run).config()
    if (name := kind_name(config)) != command.name:
        raise InputError(
            f"run must be one of `lieham train {command.name}`, got {command.run}: "
            f"`lieham train {name} --resume` goes on with it"
        )
    data = command.dataset(config["data"] | command.moved())
    model = command.rebuilt(config["model"])
    settings = changed(command.train_type(), config["train"])
    history = training.fit(model, data, config=settings, run=command.run, resume=True)
    return command.report(model, data, history, command.run)


def kind_name(config: dict[str, dict]) -> str:
    """Return the name of the kind of data that the run of this config.yaml was trained on."""
    name = config["data"].get("data", TRAJECTORIES)
    return name if isinstance(name, str) else TRAJECTORIES


def built(settings: dict) -> AnyModel:
    """Build the model with these settings, among which `kind` names its class."""
    import torch

    kind = check_choice("kind", str(settings.get("kind")), tuple(models.MODELS))
    others = {name: x for name, x in settings.items() if name != "kind"}
    return models.MODELS[kind](**others | {"dtype": getattr(torch, settings["dtype"])})


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Add to an interruption the command that continues the run."""
    try:
        yield
    except Interrupted as stopped:
        again = f": lieham {command} --resume --run {stopped.run}" if stopped.run else ""
        raise Interrupted(f"{stopped}{again}", stopped.run) from stopped
