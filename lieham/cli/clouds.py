"""The commands of images and molecules, one function each, like those of `commands`."""

from __future__ import annotations

from pathlib import Path

from lieham.cli import show
from lieham.models.config import CloudModelConfig
from lieham.training.config import CloudTrainConfig
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN
from systems.molecules.presets import QM9_MODEL, QM9_TRAIN


def train_digits(
    group: str = "SE(2)",
    run: Path = Path("runs/digits"),
    folder: Path | None = None,
    n_train: int | None = None,
    n_val: int | None = None,
    n_test: int | None = None,
    angles: tuple[float, float] | None = None,
    augment: bool = False,
    seed: int = 0,
    model: CloudModelConfig = DIGITS_MODEL,
    train: CloudTrainConfig = DIGITS_TRAIN,
    resume: bool = False,
    json: bool = False,
):
    """Learn to read turned digits: RotMNIST, or its protocol on the 5,000 digits of the extra `digits`.

    Args:
        group: the symmetry declared: Trivial(2), T(2), SO(2), R*SO(2), SE(2), ...
        run: folder for the config, the log, the checkpoint, the model, figures.json and plots.
        folder: that of RotMNIST's two .amat files, in place of the 5,000 digits.
        n_train: digits to train with; by default 3,500, of RotMNIST 10,000 (12,000 with --n_val 0).
        n_val: digits that decide which weights are kept; by default 500, of RotMNIST 2,000.
        n_test: digits to test with; by default 1,000, of RotMNIST 50,000.
        angles: lowest and highest angle, in degrees, by which the 5,000 digits are turned, such as "[-90, 90]"; all
            directions by default.
        augment: turn the digits of every training batch anew, in all directions.
        seed: of the order and the angles of the 5,000 digits; --model.seed and --train.seed are of the rest.
        model: the architecture; its lift is by default coset, or point without bases where the group acts freely.
        train: how it is trained.
        resume: continue the run in that folder, with its own settings; --folder tells where its data are now.
        json: print the figures as JSON.
    """
    from lieham.cli.cloud_figures import table
    from lieham.cli.cloud_runs import resume_run, start_run

    settings = {"data": "digits", "folder": folder, "n_train": n_train, "n_val": n_val, "n_test": n_test}
    settings |= {"train_angles": angles, "test_angles": angles, "augment": _turns(augment), "seed": seed}
    settings = {name: x for name, x in settings.items() if x is not None}
    figures = resume_run(run, "digits", folder) if resume else start_run(run, settings, group, model, train)
    show(figures, json, table)


def train_qm9(
    target: str = "homo",
    group: str = "T(3)",
    run: Path = Path("runs/qm9"),
    folder: Path | None = None,
    n_train: int = 10_000,
    n_val: int = 2_000,
    n_test: int = 13_083,
    augment: bool = False,
    seed: int = 0,
    model: CloudModelConfig = QM9_MODEL,
    train: CloudTrainConfig = QM9_TRAIN,
    resume: bool = False,
    json: bool = False,
):
    """Learn a property of molecules from QM9, which is in the extra `molecules`.

    Args:
        target: alpha, gap, homo, lumo, mu, cv, g, h, r2, u, u0 or zpve.
        group: the symmetry declared: Trivial(3), T(3), SO(3), SE(3), ...
        run: folder for the config, the log, the checkpoint, the model, figures.json and plots.
        folder: that of qm9_part1.csv to qm9_part3.csv, in place of the package qm9pack.
        n_train: molecules to train with; the paper has 100,000.
        n_val: molecules that decide which weights are kept; the paper has 17,748.
        n_test: molecules to test with, always the same.
        augment: turn the molecules of every training batch at random.
        seed: of the split; 0 is the paper's. --model.seed and --train.seed are of the rest.
        model: the architecture.
        train: how it is trained.
        resume: continue the run in that folder, with its own settings; --folder tells where its data are now.
        json: print the figures as JSON.
    """
    from lieham.cli.cloud_figures import table
    from lieham.cli.cloud_runs import resume_run, start_run

    settings = {"data": "qm9", "target": target, "folder": folder, "n_train": n_train, "n_val": n_val}
    settings |= {"n_test": n_test, "augment": _turns(augment), "seed": seed}
    settings = {name: x for name, x in settings.items() if x is not None}
    figures = resume_run(run, "qm9", folder) if resume else start_run(run, settings, group, model, train)
    show(figures, json, table)


def evaluate(
    run: Path,
    split: str = "test",
    folder: Path | None = None,
    angles: tuple[float, float] | None = None,
    json: bool = False,
):
    """Score a trained classifier or regressor on digits or molecules that its training did not see.

    Args:
        run: the run folder of `lieham train digits` or `lieham train qm9`.
        split: test or val, as the run split its data.
        folder: of RotMNIST's or QM9's files, where they are no longer or were not those that the run was trained on.
        angles: lowest and highest angle, in degrees, by which the test digits are turned, such as "[-90, 90]".
        json: print the figures as JSON.
    """
    from lieham.cli.cloud_figures import table
    from lieham.cli.cloud_runs import evaluate_run

    show(evaluate_run(run, split, folder, angles), json, table)


def _turns(augment: bool) -> str:
    """The name of the augmentation in `systems`."""
    return "rotations" if augment else ""
