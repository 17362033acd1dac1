"""What `train`, `forecast`, `conservation` and `audit` do in a run folder."""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from lieham._support.settings import changed
from lieham.auditing import Audit, audit
from lieham.conservation.charges import Conservation
from lieham.conservation.drift import conservation
from lieham.data import Dataset, read, read_forecast
from lieham.errors import FileError, InputError, check_choice, expected
from lieham.forecasting import Forecast, forecast
from lieham.integrate import make_integrator
from lieham.models import MODELS, CloudModel, LieConvModel, load_model
from lieham.models.config import ModelConfig
from lieham.training import History, RunFolder, fit
from lieham.training.config import TrainConfig


def build_model(config: ModelConfig) -> LieConvModel:
    """The model that a config describes."""
    settings = asdict(config) | {"dtype": getattr(torch, config.dtype)}
    return MODELS[settings.pop("kind")](**settings)


def start_run(run: Path, data: Path | None, model: ModelConfig, train: TrainConfig, masses: str = "") -> History:
    """Train a new model in a new run folder."""
    if data is None:
        raise InputError("data must name a file of trajectories, got none")
    dataset = read(data, masses=masses)
    config = replace(model, features=dataset.n_features)
    return fit(build_model(config), dataset.with_provenance(file=str(Path(data).resolve())), config=train, run=run)


def resume_run(run: Path, data: Path | None) -> History:
    """Continue an interrupted run with its own settings."""
    settings = RunFolder(run).config()
    if (kind := settings["data"].get("data")) in ("digits", "qm9"):
        raise InputError(f"run must hold a Hamiltonian, got {run}: `lieham train {kind} --resume true` goes on")
    dataset = _data_of(run, data)[1]
    model = build_model(changed(ModelConfig(), settings["model"]))
    return fit(model, dataset, config=changed(TrainConfig(), settings["train"]), run=run, resume=True)


def load_hamiltonian(run: Path) -> LieConvModel:
    """The model of a run; InputError naming the command for one of images or molecules."""
    model = load_model(run)
    if isinstance(model, CloudModel):
        kind = type(model).__name__
        raise InputError(f"run must hold a Hamiltonian, got {run} with {kind}: use `lieham evaluate {run}`")
    return model


def _data_of(run: Path, data: Path | None) -> tuple[Path, Dataset]:
    """The file given, or the one that the run was trained on, and what it holds, with masses as the run took them."""
    own = RunFolder(run).config()["data"] if data is None or (run / "config.yaml").exists() else {}
    path = data or own.get("file")
    if path is None:
        raise InputError(f"data must name a file, since {run} does not say what it was trained on")
    return Path(path), read(path, masses=own.get("masses", ""))


def forecast_run(
    run: Path,
    data: Path | None,
    split: str,
    steps: int,
    count: int,
    method: str,
    substeps: int | None,
    out: Path | None,
    overwrite: bool,
    compile: bool,
) -> dict:
    """Forecast from the first states of one split and write the result; returns what was done."""
    check_choice("split", split, ("train", "val", "test"))
    if count < 1:
        raise expected("count", "at least 1", count)
    model = load_hamiltonian(run)
    path, dataset = _data_of(run, data)
    initial = getattr(dataset, split)
    if initial is None:
        raise InputError(f"split must be one that {path} holds, got {split}")
    out = out or (run if run.is_dir() else run.parent) / "forecast.h5"
    settings = {"overwrite": overwrite, "compile": compile} | ({} if substeps is None else {"substeps": substeps})
    result = forecast(model, initial[:count], steps, method=method, out=out, **settings)
    return {"systems": len(result.trajectory), "steps": steps, **result.attributes, "file": str(out)}


def conservation_of_run(run: Path, file: Path | None) -> Conservation:
    """The conservation report of a forecast on disk."""
    model = load_hamiltonian(run)
    path = file or run / "forecast.h5"
    if not path.exists():
        raise FileError(f"file must be a forecast, got {path}, which does not exist: run `lieham forecast {run}` first")
    trajectory, attributes = read_forecast(path)
    integrator = make_integrator(attributes["method"])
    return conservation(Forecast(trajectory, model, integrator, attributes))


def audited(target: str, group: str | None, kind: str, n_bodies: int, count: int, length: float, seed: int) -> Audit:
    """The audit of a trained model, or of a callable that is named as module:callable."""
    settings = {"n_bodies": n_bodies, "count": count, "seed": seed}
    if ":" not in target or Path(target).exists():
        return audit(load_hamiltonian(Path(target)), group, **settings)
    module, _, name = target.partition(":")
    sys.path.insert(0, "")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"target must be a run, a model file or module:callable, got {target}: {error}") from error
    finally:
        sys.path.remove("")
    return audit(function, group, kind=kind, length=length, **settings)
