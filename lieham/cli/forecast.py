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
    """Roll a trained model out from the first states of a file's trajectories.

    Args:
        run: run folder, or model file, of the model.
        data: file with the initial states; by default the one that the model was trained on.
        split: split that the initial states are taken from: {splits}.
        steps: number of output times after the first.
        count: number of systems to forecast.
        method: name of the integrator: auto, {methods}; auto is yoshida4, or gauss4 where H is not separable, which
            both keep momenta to round-off.
        substeps: number of integrator steps between output times; 4 by default, where the method has fixed steps.
        out: file to write; forecast.h5 in the run folder by default.
        overwrite: replace an older forecast.
        compile: let torch.compile the force, which takes half a minute at first and less time for each step.
        json: print the settings as JSON.
    """

    run: Path
    data: Path | None = None
    split: str = "test"
    steps: int = 1000
    count: int = 20
    method: str = "auto"
    substeps: int | None = None
    out: Path | None = None
    overwrite: bool = False
    compile: bool = False
    json: bool = False

    def __call__(self) -> None:
        from lieham.forecasting import forecast

        check_choice("split", self.split, SPLITS)
        if self.count < 1:
            raise expected("count", "at least 1", self.count)
        model = load_hamiltonian(self.run)
        path, dataset = trajectories_of(self.run, self.data)
        initial = getattr(dataset, self.split)
        if initial is None:
            raise InputError(f"split must be one that {path} holds, got {self.split}")
        out = self.out or (self.run if self.run.is_dir() else self.run.parent) / "forecast.h5"
        substeps = {} if self.substeps is None else {"substeps": self.substeps}
        settings: dict[str, Any] = substeps | {
            "method": self.method,
            "out": out,
            "overwrite": self.overwrite,
            "compile": self.compile,
        }
        made = forecast(model, initial[: self.count], self.steps, **settings)
        figures: dict[str, Any] = {
            "systems": len(made.trajectory),
            "steps": self.steps,
            **made.attributes,
            "file": str(out),
        }
        if made.warnings:
            figures["outside"] = list(made.warnings)
        show(figures, self.json, _text)


def _text(figures: dict) -> str:
    """Return the figures, one a line; what lies outside the range of training was said as a warning."""
    return "\n".join(f"{key:<12} {value}" for key, value in figures.items() if key != "outside")
