"""The training loop: stages, validation, the best weights, and everything a resumed run needs."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from math import inf
from typing import Any

import torch

from lieham._support.progress import Progress, announce
from lieham.errors import FileError, InputError, IntegrationError, Interrupted
from lieham.models.io import load_weights
from lieham.optim import Stage
from lieham.training.config import CloudTrainConfig, TrainConfig
from lieham.training.ending import FAR, RISEN, divergence, futility, is_better, is_learned, lateness
from lieham.training.history import History
from lieham.training.tasks.base import Task, differing
from lieham.typing import Tensor


class Trainer:
    """Runs the stages of a task; its `state_dict` is all that the rest of the run depends on.

    Args:
        model: the model, with the lift that the task chose.
        task: the batches, the losses and the stages.
        config: the settings of training.
        stop: asked before every evaluation of the loss; when it says True the step is undone and Interrupted raised.
        began: the reading of `time.perf_counter` when the work for this run began; now by default.
    """

    def __init__(
        self,
        model: Any,
        task: Task,
        config: TrainConfig | CloudTrainConfig,
        stop: Callable[[], bool] = lambda: False,
        began: float | None = None,
    ):
        self._started = time.perf_counter() if began is None else began
        self.model, self.task, self.config, self.stop = model, task, config, stop
        if config.products and (dtype := next(model.parameters()).dtype) != torch.float32:
            raise InputError(f"products=bfloat16 must go with a model in float32, got {dtype}")
        self.generator = torch.Generator().manual_seed(config.seed)
        self.stages = task.stages(model)
        self.history = History()
        self.stage, self.done, self.stale = 0, 0, 0
        self.best_weights = copy.deepcopy(model.state_dict())
        self._elapsed = time.perf_counter() - self._started

    def run(self, progress: Progress | None = None) -> Iterator[dict]:
        """Train to the end; yields after each validation, where a checkpoint may be taken."""
        self._started = time.perf_counter()
        total = sum(stage.total for stage in self.stages)
        while self.stage < len(self.stages):
            stage = self.stages[self.stage]
            stage.over = self._is_over
            while self.done < stage.total and not self._is_stale() and not self._has_ended():
                try:
                    row = self._advance(stage)
                except IntegrationError as error:
                    self._give_up(stage, error)
                    break
                if progress is not None:
                    progress(sum(s.total for s in self.stages[: self.stage]) + self.done, total)
                if row is not None:
                    yield row
            self._next_stage()
        self._elapsed, self._started = self.seconds, time.perf_counter()

    def _advance(self, stage: Stage) -> dict | None:
        """Take one step of a stage, and return the row of the validation that is due after it, if one is."""
        loss = stage.step(self._fixed_loss if stage.fixed else self._sampled_loss)
        self.done = min(self.done + stage.stride, stage.total)
        due = self.done % stage.every == 0 or self.done == stage.total or self._is_over()
        return self._validate(stage, loss) if due else None

    def _next_stage(self) -> None:
        late = bool(self.history.rows) and "late" in self.history.rows[-1]
        finished = late or is_learned(self.history, self.config.tolerance)
        if finished or self.stages[self.stage].hands_on:
            self.model.load_state_dict(self.best_weights)
        self.stage, self.done, self.stale = len(self.stages) if finished else self.stage + 1, 0, 0

    def _is_over(self) -> bool:
        """Return whether the limit of time ends the stage, as it may where a regression has left a result, or does."""
        if not 0 < 60 * self.config.minutes <= self.seconds:
            return False
        return not self.stages[self.stage].hands_on or any("before" in row for row in self.history.rows)

    def _is_stale(self) -> bool:
        return 0 < self.config.patience <= self.stale

    def _give_up(self, stage: Stage, error: IntegrationError) -> None:
        """Say in the last row that the stage left the finite numbers; raise the error where no weights were judged."""
        if not self.history.best < inf:
            raise error
        why = f"{stage.name} diverged and was stopped at step {self.done}, since {error}"
        self.history.rows[-1]["diverged"] = f"{why}; the best, {self.history.best:.2g}, is kept"

    def _has_ended(self) -> bool:
        """Return whether the stage was found to diverge, to be futile, or to be late at its last validation."""
        row = self.history.rows[-1] if self.history.rows and self.done else {}
        ended = bool({"diverged", "futile", "late"} & row.keys())
        return ended and row["stage"] == self.stages[self.stage].name

    def _validate(self, stage: Stage, loss: float) -> dict:
        with torch.no_grad():
            found = self.task.score(stage.model)
        better = is_better(self.history, stage.name, found)
        self.stale += 1
        if better:
            self.history.best, self.stale = found["validation"], 0
            self.best_weights = copy.deepcopy(stage.model.state_dict())
        row = {"stage": stage.name, "step": self.done, "loss": loss, **found, "seconds": self.seconds}
        row |= {"learner": stage.learner, "kept": better, **stage.notes}
        self.history.rows.append(row)
        self._note_end(stage, row)
        return row

    def _note_end(self, stage: Stage, row: dict) -> None:
        """Write into the last row why the stage, or the run, ends here, so that a resumed run ends alike."""
        history, tolerance = self.history, self.config.tolerance
        later = any(x.total for x in self.stages[self.stage + 1 :])
        patient = self.stage > 0 and not self.stages[self.stage - 1].hands_on
        if later and not stage.hands_on:
            row["before"] = self._untrained()
        began = next((x["before"] for x in history.rows if "before" in x), 0.0) if patient else 0.0
        if said := divergence(history, max(tolerance, RISEN * began / FAR)):
            row["diverged"] = said
        elif self.done < stage.total and tolerance and (said := futility(history, self._reachable(stage), patient)):
            row["futile"] = said
        if (later or self.done < stage.total) and self._is_over() and not is_learned(history, tolerance):
            row["late"] = lateness(self.config.minutes, history)
            announce(row["late"])

    def _reachable(self, stage: Stage) -> float:
        """Return how many steps the stage has, or fewer where the limit of time will end it."""
        rows = [row for row in self.history.rows if row["stage"] != stage.name]
        spent = self.seconds - (rows[-1]["seconds"] if rows else 0.0)
        left = 60 * self.config.minutes - self.seconds
        return min(stage.total, self.done * (1 + left / spent)) if self.config.minutes else stage.total

    def _untrained(self) -> float:
        """Return the score of the weights that the next stage begins from."""
        try:
            with torch.no_grad():
                return self.task.score(self.model)["validation"]
        except IntegrationError:
            return inf

    @property
    def seconds(self) -> float:
        """Training time, over all interruptions."""
        return self._elapsed + time.perf_counter() - self._started

    def _sampled_loss(self) -> Tensor:
        self._maybe_stop()
        if self.task.redraws:
            self.model.redraw(self.generator)
        device = next(self.model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16) if self.config.products else nullcontext():
            return self.task.sampled_loss(self.model, self.generator)

    def _fixed_loss(self) -> Tensor:
        self._maybe_stop()
        return self.task.fixed_loss(self.model)

    def _maybe_stop(self) -> None:
        refuse(self.stop)

    def state_dict(self) -> dict:
        """Tensors, numbers and lists only, so that a checkpoint loads without executing code."""
        stage = self.stages[min(self.stage, len(self.stages) - 1)]
        return {
            "config": asdict(self.config),
            "units": self.task.units,
            "task": self.task.state_dict(),
            "model": self.model.state_dict(),
            "best": self.best_weights,
            "score": self.history.best,
            "stage": stage.state_dict(),
            "place": [self.stage, self.done, self.stale],
            "generator": self.generator.get_state(),
            "rows": self.history.rows,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict, source: str = "checkpoint") -> None:
        """Continue from `state`; FileError when it is not one of a Trainer, InputError when it belongs to another
        architecture, other settings or other data."""
        if not isinstance(state, dict) or state.keys() != self.state_dict().keys():
            raise FileError(f"checkpoint must be one written by lieham, got {source}")
        for name, value in asdict(self.config).items():
            if name not in ("device", "tensorboard") and state["config"].get(name) != value:
                raise InputError(f"{name} must be as in {source}, {state['config'].get(name)}, got {value}")
        for name, here, there in differing(self.task.units, state["units"]):
            raise InputError(f"data must be those of {source}: their {name} is {there:g}, got {here:g}")
        self.task.load_state_dict(state["task"])
        load_weights(self.model, state["model"], source)
        self.best_weights = {k: v.to(next(self.model.parameters()).device) for k, v in state["best"].items()}
        self.stage, self.done, self.stale = state["place"]
        if self.stage < len(self.stages):
            self.stages[self.stage].load_state_dict(state["stage"])
        self.generator.set_state(state["generator"])
        self.history = History(list(state["rows"]), state["score"])
        self._elapsed, self._started = state["seconds"], time.perf_counter()


def refuse(stop: Callable[[], bool]) -> None:
    """Raise Interrupted where `stop` says so."""
    if stop():
        raise Interrupted("training was interrupted")
