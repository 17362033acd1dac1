"""A run on disk: settings, checkpoint, log and model, each written whole."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
import yaml

from lieham._support.files import must_exist, replacing
from lieham.data import CloudDataset, Dataset
from lieham.errors import FileError
from lieham.models import LieConvModel
from lieham.models.registry import settings_of
from lieham.training.config import CloudTrainConfig, TrainConfig
from lieham.training.history import History
from lieham.training.trainer import Trainer


class RunFolder:
    """runs/NAME: config.yaml, checkpoint.pt, log.jsonl, model.safetensors; each written whole and renamed."""

    FILES = ("config.yaml", "checkpoint.pt", "log.jsonl", "model.safetensors")

    def __init__(self, path: Path):
        self.path = path

    def create(self, model: LieConvModel, config: TrainConfig | CloudTrainConfig, data: Dataset | CloudDataset) -> None:
        """Make the folder and write config.yaml.

        Args:
            model: the model, with the lift that was chosen.
            config: the settings of training.
            data: the data, whose provenance is written.

        Raises:
            FileError: when a run is there already.
        """
        self.must_be_new()
        content = {"model": settings_of(model), "train": asdict(config), "data": _plain(data.provenance.as_dict())}
        self._write_config(content)

    def note(self, **more: str | dict | list) -> None:
        """Add entries to config.yaml, such as the learner that made the result, or the scores of baselines."""
        path = self.path / "config.yaml"
        self._write_config(yaml.safe_load(path.read_text()) | more)

    def _write_config(self, content: dict) -> None:
        with replacing(self.path / "config.yaml") as temporary:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False))

    def must_be_new(self) -> None:
        """FileError when a run, or a file, is there already."""
        if self.path.is_file() or any((self.path / name).exists() for name in self.FILES):
            what = "is a file: " if self.path.is_file() else "holds a run: resume it, or "
            raise FileError(f"run must be a new folder, got {self.path}, which {what}take another name")

    def config(self) -> dict:
        """The content of config.yaml: the settings under `model`, `train` and `data`."""
        return self.read(must_exist(self.path / "config.yaml", "run"))

    @staticmethod
    def read(path: Path) -> dict:
        """The content of a config.yaml, wherever it lies; FileError when `fit` did not write it."""
        try:
            content = yaml.safe_load(path.read_text())
            return {name: dict(content[name]) for name in ("model", "train", "data")}
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise FileError(f"run must have a config.yaml written by lieham, got {path}") from error

    def checkpoint(self) -> dict:
        """The last checkpoint; `weights_only`, so loading executes no code. FileError when it cannot be read."""
        path = must_exist(self.path / "checkpoint.pt", "checkpoint")
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises OSError, RuntimeError, UnpicklingError, KeyError, ...
            raise FileError(f"checkpoint must be one written by lieham, got {path}, which cannot be read") from error

    def save(self, trainer: Trainer) -> None:
        """Write checkpoint.pt."""
        with replacing(self.path / "checkpoint.pt") as temporary:
            torch.save(trainer.state_dict(), temporary)

    def log(self, history: History, tensorboard: bool) -> None:
        """Write log.jsonl, one row a validation, and the last row to TensorBoard if asked."""
        with replacing(self.path / "log.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in history.rows))
        if tensorboard:
            self._tensorboard(len(history.rows), history.rows[-1])

    def _tensorboard(self, index: int, row: dict) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.path / "tensorboard")) as writer:
            for name in ("loss", "validation"):
                writer.add_scalar(name, row[name], index)


def _plain(attributes: dict) -> dict:
    return {key: [*map(_value, x)] if isinstance(x, (list, tuple)) else _value(x) for key, x in attributes.items()}


def _value(x: object) -> bool | int | float | str:
    return x if isinstance(x, (bool, int, float, str)) else str(x)
