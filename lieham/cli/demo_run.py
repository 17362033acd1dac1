"""This module does the work of `lieham demo`: the published spring benchmark, from data to conservation, in one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lieham import plotting
from lieham._support.files import write_json
from lieham.conservation.charges import Conservation
from lieham.conservation.drift import conservation
from lieham.data import Dataset, save
from lieham.errors import FileError
from lieham.forecasting import Forecast, forecast
from lieham.integrate import make_integrator
from lieham.metrics import state_mse
from lieham.models import HLieConv
from lieham.state import PhaseState, Trajectory
from lieham.training import RunFolder, fit
from lieham.training.config import TrainConfig
from systems import Springs
from systems.baselines import baselines, constant_state, free_flight, window_mse

PUBLISHED = {"LieConv-T(2) (published)": 1.6e-4, "LieTransformer-T(2) (published)": 2.5e-5}
"""These are the published mean 5-step test MSE from 100 trajectories, read off the figure of the LieTransformer
repository to ±5 % (Hutchinson et al. 2021, arXiv 2012.10885)."""

HORIZONS = (10, 100, 499)


@dataclass(frozen=True)
class Sizes:
    """The sizes of the demo: they say how many trajectories and steps it generates, and how it trains."""

    train: int = 100
    test: int = 2000
    unseen: int = 20
    steps: int = 1000
    training: TrainConfig = field(default_factory=TrainConfig)


SMALL = Sizes(8, 20, 2, 30, TrainConfig(steps=4, refine=2, evaluate_every=2))


def run_demo(run: Path, seed: int, small: bool, overwrite: bool) -> dict:
    """Generate data, train, forecast, diagnose and draw; return the figures that `table` prints.

    Args:
        run: the folder for everything that is written.
        seed: the seed of the training data, the weights and the windows.
        small: use the sizes `SMALL`, which show only that everything runs.
        overwrite: replace an older run in that folder.

    Returns:
        The figures, as plain data for JSON.

    Raises:
        FileError: `run` is a file, or a folder that is not empty while `overwrite` is False.
    """
    if run.is_file():
        raise FileError(f"run must be a new folder, got {run}, which is a file")
    if run.exists() and any(run.iterdir()):
        if not overwrite:
            raise FileError(f"run must be a new folder, got {run}, which is not empty: give --overwrite")
        for name in (*RunFolder.FILES, "forecast.h5", "data.h5"):
            (run / name).unlink(missing_ok=True)
    sizes, springs = SMALL if small else Sizes(), Springs()
    seconds: dict[str, float] = {}
    with _stage("generating", seconds):
        data = springs.benchmark(sizes.train, seed, sizes.test)
        truth = springs.unseen(sizes.unseen, sizes.steps)
        save(data, run / "data.h5", overwrite=True)
        data = data.with_provenance(file=str((run / "data.h5").resolve()))
    model = HLieConv("SE(2)", data.n_features, seed=seed)
    with _stage("training", seconds):
        history = fit(model, data, config=sizes.training, run=run, seed=seed)
    with _stage("forecast", seconds):
        rollout = forecast(model, truth, sizes.steps, out=run / "forecast.h5")
    with _stage("diagnostics", seconds):
        report = conservation(rollout)
        figures = _figures(springs, model, data, truth, rollout, report)
        _draw(run / "plots", truth, rollout, report)
    figures = figures | {
        "learner": history.learner,
        "seed": seed,
        "n_train": sizes.train,
        "seconds": seconds,
        "run": str(run),
    }
    write_json(run / "figures.json", figures)
    return figures


class _stage:
    """A context that writes the seconds that its block takes to `seconds[name]`."""

    def __init__(self, name: str, seconds: dict):
        self.name, self.seconds = name, seconds

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = round(time.perf_counter() - self.began, 2)


def _figures(
    springs: Springs, model: HLieConv, data: Dataset, truth: Trajectory, rollout: Forecast, report: Conservation
) -> dict:
    assert data.test is not None
    scores = {"HLieConv-SE(2) (this run)": _five_step(model, data.test)} | baselines(data.test, springs)
    five = {name: {"mean": x.mean().item(), "median": x.median().item()} for name, x in scores.items()}
    errors, steps = rollout.errors(truth), truth.n_steps
    at = {
        str(k): {"mean": errors[:, k].mean().item(), "median": errors[:, k].median().item()}
        for k in HORIZONS
        if k <= steps
    }
    drift = {
        "P": report.largest("P"),
        "L_cm": report.largest("L_cm"),
        "L": report["L"].drift.max().item(),
        "H": report.largest("H"),
    }
    return {
        "mse_5step": five | {name: {"mean": x} for name, x in PUBLISHED.items()},
        "mse_rollout": at,
        "drift": drift,
        "forecast": report.as_dict(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


@torch.no_grad()
def _five_step(model: HLieConv, windows: Trajectory) -> torch.Tensor:
    """Return the published 5-step score, by the integrator of training: rkn4 with one step between points."""
    path = make_integrator("rkn4").integrate(model.field(windows.bodies), windows.state(0), windows.times)
    return window_mse(PhaseState(path.q, path.p), windows)


def _draw(folder: Path, truth: Trajectory, rollout: Forecast, report: Conservation) -> None:
    shown = min(200, truth.n_steps) + 1
    plotting.plot_trajectories(
        truth.q[0, :shown], rollout.trajectory.q[0, :shown], folder / "trajectories.png", truth.times[0, :shown]
    )
    report.plot(folder / "drift.png")
    plain = {"constant state": constant_state(truth), "free flight": free_flight(truth)}
    lines = {"HLieConv-SE(2)": rollout.errors(truth)}
    lines |= {name: state_mse(path, truth.states(), truth.bodies.mask) for name, path in plain.items()}
    plotting.plot_errors(truth.times[0], lines, folder / "errors.png")


def table(figures: dict) -> str:
    """Return the figures as text."""
    lines = [f"5-step MSE on unseen windows, {figures['n_train']} training trajectories        mean       median"]
    for name, x in figures["mse_5step"].items():
        median = f"{x['median']:.1e}" if "median" in x else "-"
        lines.append(f"  {name:<58} {x['mean']:.1e}    {median}")
    lines.append("rollout MSE against the exact solution (expm)")
    for step, x in figures["mse_rollout"].items():
        lines.append(f"  step {step:<53} {x['mean']:.1e}    {x['median']:.1e}")
    settings = figures["forecast"]
    lines.append(f"largest drift along the forecast ({settings['settings']}, {settings['dtype']})")
    meaning = {
        "P": "of Σ|p_i|",
        "L_cm": "about the centre of mass, of Σ|q_i × p_i|",
        "L": "about the origin",
        "H": "of the mean K",
    }
    lines += [f"  {name:<5} {meaning[name]:<52} {x:.1e}" for name, x in figures["drift"].items()]
    lines.append(f"learned by {figures['learner']}")
    lines.append("seconds")
    lines += [f"  {name:<58} {x:.1f}" for name, x in figures["seconds"].items()]
    lines.append(f"model, config, log, forecast and pictures are in {figures['run']}")
    return "\n".join(lines)
