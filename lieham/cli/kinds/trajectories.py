"""This module defines `lieham train trajectories`, which fits a Hamiltonian to the trajectories of a file."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar, cast

import lieham
from lieham import models, training
from lieham._support.progress import announce
from lieham._support.settings import changed
from lieham.cli.runs import TRAJECTORIES, Question, Train, built
from lieham.errors import InputError, LiehamWarning
from lieham.models.config import ModelConfig
from lieham.training.config import TrainConfig


@dataclass(frozen=True)
class TrainTrajectories(Train):
    """Fit a Hamiltonian to the trajectories of a file.

    Args:
        data: an .h5 or .npz file with times, q, p or v, and mass; positions alone will do, with --train.observed noisy
            what has noise; with --resume the run's own file by default.
        run: folder for the config, the log, the checkpoint and the model.
        model: architecture of the model; `features` follows the data.
        train: settings of the training.
        masses: symmetry of the motion, such as SE(2), whose conserved momenta give the masses of a file without them.
        split: shares of train, val and test, such as 0.8,0.2,0, of a file without splits; 0.8,0.1,0.1 by default. One
            or two trajectories are cut along time, so that every split holds windows of train.window points.
        resume: continue the run in that folder, with the settings it was begun with.
        json: print the figures as JSON.
    """

    name: ClassVar[str] = TRAJECTORIES
    train_type = TrainConfig

    data: Path | None = None
    run: Path = Path("runs/first")
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    masses: str = ""
    split: str = ""
    resume: bool = False
    json: bool = False

    def settings(self) -> dict:
        if self.data is None:
            raise InputError("data must name a file of trajectories, got none")
        return {"file": self.data, "masses": self.masses, "shares": self.split, "window": self.train.window}

    def moved(self) -> dict:
        return {} if self.data is None else {"file": self.data}

    @classmethod
    def dataset(cls, settings: dict) -> lieham.Dataset:
        if settings.get("file") is None:
            raise InputError("data must name a file, since the run does not say on which it was trained")
        shares, masses = settings.get("shares", ""), settings.get("masses", "")
        data = read_cut(settings["file"], shares, masses, settings.get("window"))
        return data.with_provenance(file=str(Path(settings["file"]).resolve()))

    def new_model(self, data: lieham.Dataset) -> models.LieConvModel:
        group = self.model.group
        if not group:
            group = suitable_group(self.model.kind, data)
            announce(
                f"no group was named, so the model declares {group} for {_in_words(data)}: --model.group takes another"
            )
        return built(asdict(replace(self.model, features=data.n_features, group=group)))

    @classmethod
    def rebuilt(cls, settings: dict) -> models.LieConvModel:
        return built(asdict(changed(ModelConfig(), settings)))

    @classmethod
    def options(cls, config: dict[str, dict]) -> dict:
        own = config["data"]
        data = {"data": own["file"]} if "file" in own else {}
        data |= {"masses": own.get("masses", ""), "split": own.get("shares", "")}
        return data | {"model": config["model"], "train": config["train"]}

    @classmethod
    def report(cls, model: models.LieConvModel, data: lieham.Dataset, history: training.History, run: Path) -> dict:
        seconds = round(history.seconds, 2)
        own = {"validation": history.best, "seconds": seconds, "learner": history.learner}
        judged = {"baselines": history.baselines, "warnings": history.warnings}
        field = getattr(model, "uniform_field", None)
        given = {} if field is None else {"uniform_field": field.acceleration.tolist()}
        return own | {"group": str(model.group), "run": str(run)} | given | judged

    @classmethod
    def text(cls, figures: dict) -> str:
        table = score_table(figures["baselines"])
        if "validation" not in figures:
            return table
        parts = ", ".join(f"{x:.5g}" for x in figures.get("uniform_field", ()))
        field = f" and the uniform field ({parts})" if parts else ""
        return (
            f"best validation loss {figures['validation']:.3e} after {figures['seconds']:.0f} s, "
            f"by {figures['learner']}; model in {figures['run']}, with the group {figures['group']}{field}\n{table}"
        )

    @classmethod
    def evaluated(cls, run: Path, question: Question) -> dict:
        from lieham.training.causes import verdict
        from lieham.training.tasks.trajectories import scores_of_trajectories

        if question.folder is not None or question.angles is not None:
            raise InputError(f"folder and angles must be given for digits or molecules, got {run} of trajectories")
        config = training.RunFolder(run).config()
        model, data = load_hamiltonian(run), cls.dataset(config["data"])
        found = scores_of_trajectories(model, data, changed(TrainConfig(), config["train"]), question.split)
        said = verdict(found, model, data)
        if said:
            warnings.warn(said, LiehamWarning, stacklevel=2)
        return {"run": str(run), "baselines": found, "warnings": [said] if said else []}


def score_table(baselines: dict) -> str:
    """Return the scores of the model and of the baselines, as `History.baselines` holds them, one a line."""
    head = f"loss on {baselines['windows']} windows of {baselines['split']} (a constant state has about 2)"
    rows = [f"{head:<60} {'mean':>10} {'median':>10} {'trimmed':>10}"]
    for name, score in baselines["scores"].items():
        rows.append(f"  {name:<58} " + " ".join(f"{score[x]:10.2e}" for x in ("mean", "median", "trimmed")))
    return "\n".join(rows)


def read_cut(file: Path, shares: str, masses: str, window: int | None) -> lieham.Dataset:
    """Read a file of trajectories; warn if shares are given for a file that has splits of its own.

    Args:
        file: the file.
        shares: shares of train, val and test, such as "0.8,0.2,0", for a file without splits; empty for the default.
        masses: symmetry from which missing masses are inferred; empty for never.
        window: number of points for which a cut along time leaves room; None for the default.
    """
    from lieham.data import read
    from lieham.data.splitting import WINDOW, shares_of

    data = read(file, shares_of(shares), masses=masses, window=window or WINDOW)
    if shares and not data.provenance.shares:
        warnings.warn(
            f"split={shares} has no effect on {file}, which has splits of its own: {', '.join(data.splits)}",
            UserWarning,
            stacklevel=2,
        )
    return data


def suitable_group(kind: str, data: lieham.Dataset) -> str:
    """Return the name of the group that a model of these data declares where none is named.

    It is SE(d) in 2 or 3 dimensions, and T(d) in others. A single body has Trivial(d), since under the others no force
    acts on it. A vector potential takes abelian groups: SO(2), SO(2)xT(1) with the field along z, or T(d).

    Args:
        kind: the class of the model, one of `models.config.KINDS`.
        data: the trajectories.
    """
    d = data.dim
    suited = {2: "SO(2)", 3: "SO(2)xT(1)"} if kind == "VectorPotentialLieConv" else {2: "SE(2)", 3: "SE(3)"}
    if _single(data) and (kind == "HLieConv" or d not in suited):
        return f"Trivial({d})"
    return suited.get(d, f"T({d})")


def _single(data: lieham.Dataset) -> bool:
    """Return whether every system is a single body."""
    return all(int(x.bodies.mask.sum(-1).max()) == 1 for x in data.splits.values())


def _in_words(data: lieham.Dataset) -> str:
    """Return what the choice of a group depends on, in words."""
    return f"{'a single body' if _single(data) else 'several bodies'} in {data.dim} dimension{'s'[: data.dim - 1]}"


def load_hamiltonian(run: Path) -> lieham.Hamiltonian:
    """Return the Hamiltonian of a run or a file; for another model raise InputError, which names the command for it."""
    model = models.load_model(run)
    if model.learns_from != TrainTrajectories.name:
        kind = type(model).__name__
        raise InputError(f"run must hold a Hamiltonian, got {run} with {kind}: use `lieham evaluate {run}`")
    return cast("lieham.Hamiltonian", model)


def trajectories_of(run: Path, data: Path | None, shares: str = "") -> tuple[Path, lieham.Dataset]:
    """Return a file of trajectories and its dataset, with masses inferred as in the run.

    The file is `data`, or if that is None, the one that the run was trained on. A file without splits is cut by
    `shares`, such as "1,0,0", or if that is empty, as in the run.
    """
    own = training.RunFolder(run).config()["data"] if data is None or (run / "config.yaml").exists() else {}
    settings = own if data is None else own | {"file": data}
    dataset = TrainTrajectories.dataset(settings | ({"shares": shares} if shares else {}))
    return Path(settings["file"]), dataset
