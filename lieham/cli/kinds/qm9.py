"""This module defines `lieham train qm9`, with which a regressor learns a property of QM9's molecules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import lieham
from lieham._support.names import GROUP_NAMES, naming
from lieham.cli.kinds import clouds
from lieham.cli.kinds.clouds import TrainClouds, no_angles, own_folder, split_of
from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig
from systems.molecules.presets import QM9_MODEL, QM9_TARGETS, QM9_TRAIN


@naming(groups=GROUP_NAMES, targets=QM9_TARGETS)
@dataclass(frozen=True)
class TrainQM9(TrainClouds):
    """Learn a property of molecules from QM9, which is in the extra `molecules`.

    Args:
        target: property to learn: {targets}.
        group: symmetry that is declared, here with d = 3: {groups}.
        run: folder for the config, the log, the checkpoint, the model, figures.json and plots.
        folder: folder of qm9_part1.csv to qm9_part3.csv, which take the place of the package qm9pack.
        n_train: number of molecules to train with; the paper has 100,000.
        n_val: number of molecules that decide which weights are kept; the paper has 17,748.
        n_test: number of molecules to test with, which are always the same.
        augment: turn the molecules of every training batch at random.
        seed: seed of the split; 0 is the paper's. --model.seed and --train.seed are those of the rest.
        model: architecture of the model.
        train: settings of the training.
        resume: continue the run in that folder, with its own settings; --folder tells where its data are now.
        json: print the figures as JSON.
    """

    name: ClassVar[str] = "qm9"
    score: ClassVar[str] = "mae"

    target: str = "homo"
    group: str = "T(3)"
    run: Path = Path("runs/qm9")
    folder: Path | None = None
    n_train: int = 10_000
    n_val: int = 2_000
    n_test: int = 13_083
    augment: bool = False
    seed: int = 0
    model: CloudModelConfig = QM9_MODEL
    train: CloudTrainConfig = QM9_TRAIN
    resume: bool = False
    json: bool = False

    def settings(self) -> dict:
        return super().settings() | {"target": self.target}

    @classmethod
    def options(cls, config: dict[str, dict]) -> dict:
        return super().options(config) | {"target": config["data"]["target"]}

    @classmethod
    def load(cls, settings: dict, sizes: dict, own: dict) -> lieham.CloudDataset:
        from systems.molecules.qm9 import MoleculeOptions, molecules

        no_angles(settings)
        options = MoleculeOptions(**own, source=own_folder(settings))
        return molecules(settings["target"], **sizes, seed=settings["seed"], options=options)

    @classmethod
    def unit(cls, data: lieham.CloudDataset) -> tuple[str, float]:
        unit = data.provenance.unit
        return ("meV", 1000.0) if unit == "eV" else (unit, 1.0)

    @classmethod
    def baselines(cls, data: lieham.CloudDataset) -> dict[str, float]:
        from systems.molecules.baselines import linear_on_counts, mean_predictor

        known = {"median of the training set": mean_predictor, "linear in the counts of elements": linear_on_counts}
        return {name: score(split_of(data, "train"), split_of(data, "test")) for name, score in known.items()}

    @classmethod
    def shown(cls, figures: dict) -> tuple[str, str, float, int]:
        return f"MAE of {figures['target']}", figures["unit"], 1.0, 1 if figures["unit"] == "meV" else 3

    @classmethod
    def draw(cls, folder: Path, data: lieham.CloudDataset, split: str, predicted: clouds.Tensor) -> None:
        from lieham import plotting

        unit, scale = cls.unit(data)
        true = split_of(data, split).targets
        plotting.plot_parity(true * scale, predicted * scale, folder / "parity.png", unit)
