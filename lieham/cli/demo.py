"""This module defines `lieham demo`, which runs the published spring benchmark in one command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lieham.cli.command import Command, show
from lieham.cli.runs import resumable
from lieham.errors import check_count


@dataclass(frozen=True)
class Demo(Command):
    """Learn the published spring benchmark from 100 trajectories, forecast it, and show what is conserved.

    Args:
        run: folder for the model, the config, the log, the forecast and the pictures.
        seed: seed of the training data, the weights and the windows; the test data are always the same.
        small: do a few steps of everything, to see that it runs; the figures mean nothing then.
        json: print the figures as JSON instead of a table.
        overwrite: replace an older run in that folder.
        threads: number of torch's threads; the tensors are small, so a second one gains little.
    """

    run: Path = Path("runs/demo")
    seed: int = 0
    small: bool = False
    json: bool = False
    overwrite: bool = False
    threads: int = 1

    def __call__(self) -> None:
        import torch

        from lieham.cli.demo_run import run_demo, table

        check_count("threads", self.threads)
        torch.set_num_threads(self.threads)
        with resumable("train"):
            figures = run_demo(self.run, self.seed, self.small, self.overwrite)
        show(figures, self.json, table)
