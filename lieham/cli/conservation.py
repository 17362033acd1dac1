"""This module defines `lieham conservation`, which shows the drift of every charge along a forecast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lieham
from lieham.cli.command import Command, show
from lieham.cli.kinds.trajectories import load_hamiltonian
from lieham.errors import FileError


@dataclass(frozen=True)
class ShowConservation(Command):
    """Show the drift of every charge along a forecast, and which of them the model's group promises.

    Args:
        run: run folder of the model.
        file: file of the forecast; forecast.h5 in the run folder by default.
        plot: PNG file in which the drift of every charge is drawn; none by default.
        json: print the figures as JSON.
    """

    run: Path
    file: Path | None = None
    plot: Path | None = None
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"run": str(folder)}

    def __call__(self) -> None:
        report = self._report()
        if self.plot is not None:
            report.plot(self.plot)
        show(report.as_dict(), self.json, lambda _: str(report))

    def _report(self) -> lieham.Conservation:
        from lieham.conservation.drift import conservation
        from lieham.data import read_forecast
        from lieham.forecasting import Forecast
        from lieham.integrate.registry import integrator_of

        model = load_hamiltonian(self.run)
        path = self.file or self.run / "forecast.h5"
        if not path.exists():
            remedy = f"run `lieham forecast {self.run}` first"
            raise FileError(f"file must be a forecast, got {path}, which does not exist: {remedy}")
        trajectory, attributes = read_forecast(path)
        return conservation(Forecast(trajectory, model, integrator_of(attributes), attributes))
