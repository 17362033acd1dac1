"""`fit`: train a model on a dataset, in memory or in a run folder that can be interrupted and resumed."""

from __future__ import annotations

from pathlib import Path

import torch

from lieham._support.interrupt import interruptible
from lieham._support.progress import Progress, announce, reporting
from lieham._support.settings import changed
from lieham.data import CloudDataset, Dataset
from lieham.errors import InputError, Interrupted, expected
from lieham.forecasting import check_fits
from lieham.models import CloudModel, LieConvModel, save_model
from lieham.training.config import CloudTrainConfig, TrainConfig
from lieham.training.history import History
from lieham.training.run_folder import RunFolder
from lieham.training.trainer import Trainer


def fit(
    model: LieConvModel,
    data: Dataset | CloudDataset,
    *,
    config: TrainConfig | CloudTrainConfig | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    **settings,
) -> History:
    """Train `model` in place on `data.train`; it ends with the weights that were best on `data.val`.

    Args:
        model: a Hamiltonian, a classifier or a regressor; trained in its own dtype, on its own device unless `device`
            says otherwise.
        data: trajectories, of which windows are drawn, for a Hamiltonian, clouds for the others; without a `val` split
            the training loss decides which weights are best. Where the setting `observed` is
            empty, `data.provenance.observed` stands for it: "positions" of files without momenta.
        config: all settings; `settings` replace single ones, see `TrainConfig` and, for clouds, `CloudTrainConfig`.
        run: a folder for config.yaml, log.jsonl, checkpoint.pt and model.safetensors. Ctrl-C leaves it resumable.
        resume: continue the run in that folder. The weights come out bit for bit as without the interruption.
        progress: called as progress(done, total); by default a bar, where standard error is a terminal.

    Returns the history of validations. Raises InputError on data that do not fit the model, FileError when `run`
    holds a run already and `resume` is False, Interrupted after Ctrl-C, IntegrationError when training diverges.

    Example:
        >>> fit(model, data, steps=200, run="runs/springs")          # doctest: +SKIP
    """
    config = _config(data, config, settings)
    if resume and run is None:
        raise InputError("run must name the folder to resume, got None")
    if config.tensorboard:
        _check_tensorboard(run)
    _check(model, data)
    weight = next(model.parameters())
    device = _device(config.device) if config.device else weight.device
    model.to(device)
    train, val = (None if x is None else x.to(device, weight.dtype) for x in (data.train, data.val))
    with interruptible() as stop, reporting(progress, "training") as report:
        trainer = Trainer(model, train, val, config, stop, getattr(data, "augment", None))
        if trainer.stages[0].notes:
            announce("pairs of bodies do not hold this law: the model now has the lift edge, which sees angles")
        if run is None:
            for _ in trainer.run(report):
                pass
        else:
            _fit_in(RunFolder(Path(run)), trainer, model, data, resume, report)
    model.eval()
    return trainer.history


def _config(data: Dataset | CloudDataset, config: TrainConfig | CloudTrainConfig | None, settings: dict):
    """All settings, of the kind that the data take."""
    kind = CloudTrainConfig if isinstance(data, CloudDataset) else TrainConfig
    if config is not None and not isinstance(config, kind):
        raise expected("config", f"a {kind.__name__} for a {type(data).__name__}", type(config).__name__)
    config = changed(config or kind(), settings)
    if kind is TrainConfig:
        config = changed(config, {"observed": config.observed or data.provenance.observed})
    return config


def _fit_in(folder: RunFolder, trainer: Trainer, model, data, resume: bool, progress: Progress):
    if resume:
        trainer.load_state_dict(folder.checkpoint(), str(folder.path / "checkpoint.pt"))
    else:
        folder.create(model, trainer.config, data)
        folder.save(trainer)
    try:
        for _ in trainer.run(progress):
            folder.log(trainer.history, trainer.config.tensorboard)
            folder.save(trainer)
    except Interrupted as error:
        folder.save(trainer)
        raise Interrupted(f"training was interrupted; resume it from {folder.path}", folder.path) from error
    folder.save(trainer)
    save_model(model, folder.path / "model.safetensors")


def _check(model: LieConvModel, data: Dataset | CloudDataset) -> None:
    clouds = isinstance(data, CloudDataset)
    if data.train is None:
        raise InputError("data must have a train split, got none")
    if clouds != isinstance(model, CloudModel):
        wanted = "a LieConvClassifier or LieConvRegressor" if clouds else "a Hamiltonian"
        raise expected("model", f"{wanted} for a {type(data).__name__}", type(model).__name__)
    for split in data.splits.values() if clouds else ():
        model.check(split)
    if not clouds:
        check_fits(model, data.train)


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise expected("device", "one that torch has here, such as cpu or cuda", repr(name)) from error


def _check_tensorboard(run: str | Path | None) -> None:
    if run is None:
        raise InputError("run must name a folder for the events of tensorboard=True, got None")
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "tensorboard must be installed for tensorboard=True: pip install 'lieham[tensorboard]'"
        ) from error
