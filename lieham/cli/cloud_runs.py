"""What `train digits`, `train qm9` and `evaluate` do in a run folder."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from lieham import plotting
from lieham._support.files import must_exist, write_json
from lieham._support.settings import changed
from lieham.cli.cloud_figures import draw, figures_of, split_of
from lieham.data import CloudDataset
from lieham.errors import InputError, check_choice, expected
from lieham.evaluate import predict
from lieham.models import MODELS, CloudModel, load_model, model_for
from lieham.models.config import CloudModelConfig
from lieham.training import RunFolder, fit
from lieham.training.config import CloudTrainConfig
from lieham.typing import Tensor
from systems.images.digits import DigitOptions, digits, rotmnist
from systems.molecules.qm9 import MoleculeOptions, molecules

KINDS = ("digits", "qm9")


def start_run(
    run: Path, settings: dict, group: str, model: CloudModelConfig, train: CloudTrainConfig
) -> dict[str, object]:
    """Train a new model in a new run folder; returns the figures that `table` prints."""
    RunFolder(run).must_be_new()
    if "folder" in settings:
        settings = settings | {"folder": str(Path(settings["folder"]).resolve())}
    data = dataset(settings | {"dtype": model.dtype})
    split_of(data, "train")
    return _trained(model_for(data, group, model), data, train, run, resume=False)


def resume_run(run: Path, kind: str, folder: Path | None) -> dict[str, object]:
    """Continue an interrupted run with its own settings, on its data, which may have moved to another folder."""
    config = _config(run)
    if (name := config["data"]["data"]) != kind:
        raise InputError(f"run must be one of {kind}, got {run}: `lieham train {name} --resume true` goes on with it")
    settings = dict(config["model"])
    settings["dtype"] = getattr(torch, settings["dtype"])
    model = MODELS[settings.pop("kind")](**settings)
    train = changed(CloudTrainConfig(), config["train"])
    moved = {} if folder is None else {"folder": str(folder)}
    return _trained(model, dataset(config["data"] | moved), train, run, resume=True)


def evaluate_run(run: Path, split: str, folder: Path | None, angles: tuple[float, float] | None) -> dict[str, object]:
    """The figures of a trained model on one split of its data."""
    check_choice("split", split, ("test", "val"))
    settings = _config(run)["data"]
    if folder is not None:
        settings = {name: x for name, x in settings.items() if "angles" not in name} | {"folder": str(folder)}
    if angles is not None:
        if split != "test":
            raise expected("split", "test where angles are given, since the others keep theirs", split)
        settings["test_angles"] = angles
    model = load_model(run)
    data = dataset(settings)
    return figures_of(model, data, split, _said(model, data, split)) | {"run": str(run)}


def dataset(settings: dict) -> CloudDataset:
    """The digits or molecules of these settings, the `data` of config.yaml; they are in its provenance."""
    angles = {name: tuple(settings[name]) for name in ("train_angles", "test_angles") if name in settings}
    if angles and (settings["data"] == "qm9" or "folder" in settings):
        raise InputError("angles must go with the 5,000 digits, got data that are not turned here")
    if "folder" in settings:
        must_exist(settings["folder"], "folder")
    common = {name: settings[name] for name in ("n_train", "n_val", "n_test") if name in settings}
    own = {"augment": settings["augment"], "dtype": getattr(torch, settings["dtype"])}
    if settings["data"] == "qm9":
        options = MoleculeOptions(**own, source=settings.get("folder"))
        data = molecules(settings["target"], **common, seed=settings["seed"], options=options)
    elif "folder" in settings:
        data = rotmnist(settings["folder"], **common, **own)
    else:
        data = digits(**common, seed=settings["seed"], options=DigitOptions(**own, **angles))
    return data.with_provenance(**settings)


def _config(run: Path) -> dict[str, dict]:
    """config.yaml of a run of the command line; InputError naming the command for runs of another kind."""
    config = RunFolder(run).config()
    if config["data"].get("data") in KINDS:
        return config
    model = config["model"].get("kind")
    if model in ("LieConvClassifier", "LieConvRegressor"):
        raise InputError(f"run must be one of `lieham train digits` or `qm9`, got {run}: others have `lieham.scores`")
    raise InputError(
        f"run must hold a classifier or a regressor, got {run} with {model}: "
        "`lieham forecast` and `lieham train --resume` are for trajectories"
    )


def _trained(model: CloudModel, data: CloudDataset, train: CloudTrainConfig, run: Path, resume: bool) -> dict:
    """Train, score on the test split, or on val without one, and leave figures and pictures in the run folder."""
    split = "val" if data.test is None else "test"
    split_of(data, split)
    history = fit(model, data, config=train, run=run, resume=resume)
    began = time.perf_counter()
    said = _said(model, data, split)
    figures = figures_of(model, data, split, said)
    draw(run / "plots", data, split, said)
    plotting.plot_curves(history.rows, run / "plots" / "curves.png")
    seconds = {"training": round(history.seconds, 2), "scoring": round(time.perf_counter() - began, 2)}
    figures |= {"seconds": seconds, "run": str(run)}
    write_json(run / "figures.json", figures)
    return figures


def _said(model: CloudModel, data: CloudDataset, split: str) -> Tensor:
    """What the model says of a split, which is brought to where the model is, and the answer back."""
    return predict(model, split_of(data, split).to(model.bias.device)).to(data.train.targets.device)
