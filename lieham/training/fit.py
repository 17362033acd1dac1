"""`fit`: train a model on a dataset, in memory or in a run folder that can be interrupted and resumed."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from lieham._support.interrupt import interruptible
from lieham._support.numerics import as_device
from lieham._support.progress import Progress, announce, reporting
from lieham._support.threads import waiting
from lieham.data import CloudDataset, Dataset
from lieham.errors import InputError, Interrupted, LiehamWarning
from lieham.models import save_model
from lieham.training.causes import verdict
from lieham.training.config import CloudTrainConfig, TrainConfig
from lieham.training.history import History
from lieham.training.run_folder import RunFolder
from lieham.training.tasks import task_for
from lieham.training.trainer import Trainer, refuse


def fit(
    model: nn.Module,
    data: Dataset | CloudDataset,
    *,
    config: TrainConfig | CloudTrainConfig | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> History:
    """Train `model` in place on `data.train`; it ends with the weights that were best on `data.val`.

    A Hamiltonian is learned by ridge regression in weak form (`lieham.regression`). Adam and L-BFGS follow only where
    that leaves a loss above `tolerance`; `History.learner` says which of them made the result. Classifiers and
    regressors are trained by Adam.

    Args:
        model: a Hamiltonian, a classifier or a regressor; it is trained in its own dtype, on its own device unless
            `device` says otherwise.
        data: trajectories, of which windows are drawn, for a Hamiltonian; clouds for the others. Without a `val` split
            the training loss decides which weights are best. Data of positions alone say so themselves, and are
            learned from as with `observed="positions"`.
        config: all settings; `settings` replace single ones, see `TrainConfig` and, for clouds, `CloudTrainConfig`.
        run: a folder for config.yaml, log.jsonl, checkpoint.pt and model.safetensors. Ctrl-C leaves it resumable.
        resume: continue the run in that folder. The weights come out bit for bit as without the interruption.
        progress: called as progress(done, total); by default a bar, where standard error is a terminal.

    Returns:
        The history of validations, and of the score beside baselines.

    Warns:
        LiehamWarning: where the model does not beat free flight on windows that training did not see, with the likely
            cause, where training diverged and was stopped, and where the limit of time ended it.

    Raises:
        InputError: on data that do not fit the model, on settings that do not fit, and on a model whose weights are
            all frozen (`requires_grad=False`), in half precision, or made in `torch.inference_mode()`. Weights of which
            only some are frozen stay as they are; ridge regression then needs those of the last kernel to be free.
        FileError: when `run` holds a run already and `resume` is False.
        Interrupted: after Ctrl-C.
        IntegrationError: when training diverges before any weights were judged.

    Example:
        >>> import lieham, systems
        >>> data = systems.Springs(n_bodies=3, dim=2).benchmark(20, n_test=0)
        >>> lieham.fit(lieham.HLieConv("SE(2)", data.n_features, width=16), data).learner
        'ridge regression in weak form'
    """
    kind = task_for(model, data)
    config = kind.configured(config, settings, data, model)
    if resume and run is None:
        raise InputError("run must name the folder to resume, got None")
    if config.tensorboard:
        _check_tensorboard(run)
    _check_weights(model)
    _announce_threads(config.device or str(next(model.parameters()).device))
    # A caller may have switched gradients off, as one does to evaluate a model; training needs them.
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        interruptible() as stop,
        reporting(progress, "training") as report,
    ):
        seen = _moved(model, data, config.device)
        began = time.perf_counter()
        task = kind(model, seen, config, partial(refuse, stop))
        chosen = task.choose(model)
        if chosen is not model:
            cast(Any, model).adopt(chosen)
        trainer = Trainer(model, task, config, stop, began)
        if not any(stage.total for stage in trainer.stages):
            raise InputError(_NOTHING_TO_DO)
        if run is None:
            for _ in trainer.run(report):
                pass
        else:
            _fit_in(RunFolder(Path(run)), trainer, data, resume, report)
    model.eval()
    _judge(trainer, data)
    if run is not None:
        RunFolder(Path(run)).note(baselines=trainer.history.baselines, warnings=trainer.history.warnings)
    for sentence in trainer.history.warnings:
        warnings.warn(sentence, LiehamWarning, stacklevel=2)
    return trainer.history


_NOTHING_TO_DO = (
    "steps and refine must not both be 0 where ridge regression has nothing to solve: it needs block='gated', an exact "
    "lift, and weights of the last kernel that are not frozen, so say steps=500"
)


def _check_weights(model: nn.Module) -> None:
    """Raise InputError unless the model has weights that can be trained."""
    weights = dict(model.named_parameters())
    if not weights:
        raise InputError(f"model must have weights to be learned, got a {type(model).__name__} without any")
    for name, weight in weights.items():
        if weight.dtype not in (torch.float32, torch.float64):
            own = f"{name} in {str(weight.dtype).removeprefix('torch.')}"
            remedy = "say model.double() or model.float()" if weight.is_floating_point() else "let its weights be real"
            raise InputError(f"model must be in float32 or float64, got {own}: {remedy}")
        if weight.is_inference():
            raise InputError(f"model must be made outside torch.inference_mode() to be trained, got {name} made in it")
    if not any(weight.requires_grad for weight in weights.values()):
        raise InputError(
            f"model must have weights that may change, got {len(weights)} frozen ones: call model.requires_grad_()"
        )


def _announce_threads(device: str) -> None:
    """Say so where training on the CPU has more threads than there are idle cores."""
    line = waiting() if device.startswith("cpu") else ""
    if line:
        announce(line)


def _judge(trainer: Trainer, data: Any) -> None:
    """Set the result beside predictions that cost nothing, and say so where it is worth little more than they are."""
    history = trainer.history
    history.baselines = trainer.task.beside_baselines(trainer.model, data)
    doubt = verdict(history.baselines, trainer.model, data, bool(trainer.task.said)) if history.baselines else ""
    ended = [row[name] for row in history.rows for name in ("diverged", "late") if name in row]
    both = "; ".join([x for x in (trainer.task.said, doubt, *ended) if x])
    history.warnings = [both] if both else []


def _fit_in(folder: RunFolder, trainer: Trainer, data: Any, resume: bool, progress: Progress) -> None:
    if resume:
        trainer.load_state_dict(folder.checkpoint(), str(folder.path / "checkpoint.pt"))
    else:
        folder.create(trainer.model, trainer.config, data)
        folder.save(trainer)
    try:
        for _ in trainer.run(progress):
            folder.log(trainer.history, trainer.config.tensorboard)
            folder.save(trainer)
    except Interrupted as error:
        folder.save(trainer)
        raise Interrupted(f"training was interrupted; resume it from {folder.path}", folder.path) from error
    folder.save(trainer)
    folder.log(trainer.history, False)
    save_model(trainer.model, folder.path / "model.safetensors")
    folder.note(learner=trainer.history.learner)


def _moved(model: nn.Module, data: Any, device: str) -> Any:
    """Move the model to `device`, if one is named, and return the splits there that training sees."""
    weight = next(model.parameters())
    place = as_device(device) if device else weight.device
    for name, split in (("train", data.train), ("val", data.val)):
        if any(isinstance(x, Tensor) and x.is_inference() for x in (() if split is None else vars(split).values())):
            raise InputError(
                f"data must be made outside torch.inference_mode() to be learned from, got {name} made in it"
            )
    model.to(place)
    train, val = (None if x is None else x.to(place, weight.dtype) for x in (data.train, data.val))
    return replace(data, train=train, val=val, test=None)


def _check_tensorboard(run: str | Path | None) -> None:
    if run is None:
        raise InputError("run must name a folder for the events of tensorboard=True, got None")
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "tensorboard must be installed for tensorboard=True: pip install 'lieham[tensorboard]'"
        ) from error
