"""Tasks say what is learned from each kind of data: each kind has one file here and one line in `TASKS`."""

from __future__ import annotations

from typing import Any

from torch import nn

from lieham.errors import expected
from lieham.training.tasks.base import Task
from lieham.training.tasks.clouds import CloudTask
from lieham.training.tasks.trajectories import TrajectoryTask

TASKS: tuple[type[Task], ...] = (TrajectoryTask, CloudTask)
"""Every kind of data that `fit` learns from."""


def task_for(model: nn.Module, data: Any) -> type[Task]:
    """Return the task that learns from these data.

    InputError where there is none, where the model cannot learn from them, and where they do not fit it.
    """
    for task in TASKS:
        if task.accepts(model, data):
            return task
    raise expected("data", f"a dataset of {' or '.join(task.kind for task in TASKS)}", f"a {type(data).__name__}")


__all__ = ["TASKS", "CloudTask", "Task", "TrajectoryTask", "task_for"]
