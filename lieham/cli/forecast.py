"""This module defines `lieham forecast`, which rolls a trained model out from the first states of trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lieham._support.names import METHODS, naming
from lieham.cli.command import Command, show
from lieham.cli.kinds.trajectories import load_hamiltonian, trajectories_of
from lieham.errors import InputError, check_choice, expected

SPLITS = ("train", "val", "test")


@naming(methods=METHODS, splits=SPLITS)
@dataclass(frozen=True)
class MakeForecast(Command):
    """Roll a trained model out from states of a file's trajectories.

    Args:
        run: run folder, or model file, of the model.
        data: file with the initial states; by default the one that the model was trained on.
        split: split that the initial states are taken from: {splits}; by default the last of them that the file holds,
            or, where start is given and the file was cut along time, the whole trajectories.
        steps: number of output times after the first; 1000 by default, where until is not given.
        start: time at which the forecast begins, in the file's units; by default each trajectory's own first time.
        until: time at which the forecast ends, in place of steps.
        dt: time between outputs, negative for backwards; by default the first step of each trajectory.
        count: number of systems to forecast.
        method: name of the integrator: auto, {methods}; auto is yoshida4, or gauss4 where H is not separable, which
            both keep momenta to round-off.
        substeps: number of integrator steps between output times; by default the least 1, 2, 4, ... or 32 that keep the
            error between outputs below 1e-7 of the motion of every body, where the method has fixed steps.
        out: file to write; forecast.h5 in the run folder by default.
        overwrite: replace an older forecast.
        compile: let torch.compile the force, which takes half a minute at first and less time for each step.
        json: print the settings as JSON.
    """

    run: Path
    data: Path | None = None
    split: str = ""
    steps: int | None = None
    start: float | None = None
    until: float | None = None
    dt: float | None = None
    count: int = 20
    method: str = "auto"
    substeps: int | None = None
    out: Path | None = None
    overwrite: bool = False
    compile: bool = False
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"run": str(folder)}

    def __call__(self) -> None:
        from lieham.forecasting import forecast

        if self.split:
            check_choice("split", self.split, SPLITS)
        if self.count < 1:
            raise expected("count", "at least 1", self.count)
        model = load_hamiltonian(self.run)
        split, initial = self._initial()
        out = self.out or (self.run if self.run.is_dir() else self.run.parent) / "forecast.h5"
        substeps = {} if self.substeps is None else {"substeps": self.substeps}
        settings: dict[str, Any] = substeps | {
            "start": self.start,
            "until": self.until,
            "dt": self.dt,
            "method": self.method,
            "out": out,
            "overwrite": self.overwrite,
            "compile": self.compile,
        }
        steps = 1000 if self.steps is None and self.until is None else self.steps
        made = forecast(model, initial[: self.count], steps, **settings)
        times = made.trajectory.times[0]
        span = {"split": split, "steps": made.trajectory.n_steps, "start": times[0].item(), "end": times[-1].item()}
        figures: dict[str, Any] = {"systems": len(made.trajectory), **span, **made.attributes, "file": str(out)}
        if made.warnings:
            figures["outside"] = list(made.warnings)
        show(figures, self.json, _text)

    def _initial(self) -> tuple[str, Any]:
        """Return the name of the split that was asked for, or that suits, and its trajectories."""
        path, dataset = trajectories_of(self.run, self.data)
        if self.split:
            if self.split not in dataset.splits:
                raise InputError(f"split must be one that {path} holds, {', '.join(dataset.splits)}, got {self.split}")
            return self.split, dataset.splits[self.split]
        if self.start is not None and dataset.provenance.split.startswith("along time"):
            _, dataset = trajectories_of(self.run, self.data, shares="1,0,0")
            return "all", dataset.splits["train"]
        return list(dataset.splits.items())[-1]


def _text(figures: dict) -> str:
    """Return the figures, one a line; what lies outside the range of training was said as a warning."""
    return "\n".join(f"{key:<12} {value}" for key, value in figures.items() if key != "outside")
