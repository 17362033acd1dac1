"""This module defines `lieham train digits`, with which a classifier learns to read digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import lieham
from lieham._support.names import GROUP_NAMES, naming
from lieham.cli.kinds import clouds
from lieham.cli.kinds.clouds import ANGLES, TrainClouds, no_angles, own_folder, split_of
from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN

WRONG = 40
"""The picture of wrongly read digits shows at most this number of them."""


@naming(groups=GROUP_NAMES)
@dataclass(frozen=True)
class TrainDigits(TrainClouds):
    """Learn to read turned digits: RotMNIST, or its protocol on the 5,000 digits of the extra `digits`.

    Args:
        group: symmetry that is declared, here with d = 2: {groups}.
        run: folder for the config, the log, the checkpoint, the model, figures.json and plots.
        folder: folder of RotMNIST's two .amat files, which take the place of the 5,000 digits.
        n_train: number of digits to train with; by default 3,500, of RotMNIST 10,000 (12,000 with --n_val 0).
        n_val: number of digits that decide which weights are kept; by default 500, of RotMNIST 2,000.
        n_test: number of digits to test with; by default 1,000, of RotMNIST 50,000.
        angles: lowest and highest angle, in degrees, by which the 5,000 digits are turned, such as "[-90, 90]"; all
            directions by default.
        augment: turn the digits of every training batch anew, in all directions.
        seed: seed of the order and the angles of the 5,000 digits; --model.seed and --train.seed are those of the rest.
        model: architecture of the model; its lift is by default coset, or point without bases where the group acts
            freely.
        train: settings of the training.
        resume: continue the run in that folder, with its own settings; --folder tells where its data are now.
        json: print the figures as JSON.
    """

    name: ClassVar[str] = "digits"
    score: ClassVar[str] = "error"

    group: str = "SE(2)"
    run: Path = Path("runs/digits")
    folder: Path | None = None
    n_train: int | None = None
    n_val: int | None = None
    n_test: int | None = None
    angles: tuple[float, float] | None = None
    augment: bool = False
    seed: int = 0
    model: CloudModelConfig = DIGITS_MODEL
    train: CloudTrainConfig = DIGITS_TRAIN
    resume: bool = False
    json: bool = False

    def settings(self) -> dict:
        return super().settings() | ({} if self.angles is None else dict.fromkeys(ANGLES, self.angles))

    @classmethod
    def options(cls, config: dict[str, dict]) -> dict:
        own = config["data"]
        turned = {"angles": own["train_angles"]} if "train_angles" in own else {}
        return super().options(config) | turned

    @classmethod
    def load(cls, settings: dict, sizes: dict, own: dict) -> lieham.CloudDataset:
        from systems.images.digits import DigitOptions, digits, rotmnist

        if (folder := own_folder(settings)) is not None:
            no_angles(settings)
            return rotmnist(folder, **sizes, **own)
        angles: dict[str, Any] = {name: tuple(settings[name]) for name in ANGLES if name in settings}
        return digits(**sizes, seed=settings["seed"], options=DigitOptions(**own, **angles))

    @classmethod
    def unit(cls, data: lieham.CloudDataset) -> tuple[str, float]:
        return "", 1.0

    @classmethod
    def baselines(cls, data: lieham.CloudDataset) -> dict[str, float]:
        from systems.images.baselines import linear_error, nearest_neighbour_error

        scores = {"nearest training image": nearest_neighbour_error(data)}
        return scores if data.val is None else scores | {"logistic regression on pixels": linear_error(data)}

    @classmethod
    def shown(cls, figures: dict) -> tuple[str, str, float, int]:
        return "error", "%", 100.0, 2

    @classmethod
    def draw(cls, folder: Path, data: lieham.CloudDataset, split: str, predicted: clouds.Tensor) -> None:
        from lieham import plotting
        from lieham.evaluate import confusion
        from systems.images.digits import CLASSES
        from systems.images.pixels import as_images

        judged, labels = split_of(data, split), [str(k) for k in range(CLASSES)]
        plotting.plot_confusion(confusion(judged.targets, predicted, CLASSES), folder / "confusion.png", labels)
        wrong = (predicted != judged.targets).nonzero().flatten()[:WRONG]
        if len(wrong):
            titles = [f"{judged.targets[k]} as {predicted[k]}" for k in wrong]
            plotting.plot_digits(as_images(judged[wrong]), titles, folder / "wrong.png")
