"""The commands, one function each: its signature is the command line, its docstring the help."""

from __future__ import annotations

from pathlib import Path

from lieham.cli import show
from lieham.cli.clouds import evaluate, train_digits, train_qm9
from lieham.errors import FileError, InputError
from lieham.models.config import ModelConfig
from lieham.training.config import TrainConfig
from systems.names import LAWS


def demo(
    run: Path = Path("runs/demo"),
    seed: int = 0,
    small: bool = False,
    json: bool = False,
    overwrite: bool = False,
    threads: int = 1,
):
    """Learn the published spring benchmark from 100 trajectories, forecast it, and show what is conserved.

    Args:
        run: folder for the model, the config, the log, the forecast and the pictures.
        seed: of the training data, the weights and the windows; the test data are always the same.
        small: a few steps of everything, to see that it runs; the figures mean nothing then.
        json: print the figures as JSON instead of a table.
        overwrite: replace an older run in that folder.
        threads: of torch; the tensors are small, so a second one gains little and suffers on a busy machine.
    """
    import torch

    from lieham.cli.demo import run_demo, table

    torch.set_num_threads(threads)

    figures = run_demo(run, seed, small, overwrite)
    show(figures, json, table)


def generate(
    law: str,
    out: Path | None = None,
    n_train: int = 100,
    n_val: int = 20,
    n_test: int = 100,
    n_bodies: int = 6,
    dim: int | None = None,
    points: int = 500,
    seed: int = 0,
    benchmark: bool = False,
    overwrite: bool = False,
):
    """Generate trajectories of a law and write them to an HDF5 file.

    Args:
        law: springs, gravity, bending, falling-springs (in uniform gravity) or magnetic-springs.
        out: the file to write, LAW.h5 by default.
        n_train: training trajectories.
        n_val: validation trajectories.
        n_test: test trajectories; the same whatever n_train is.
        n_bodies: bodies in a system.
        dim: 2 or 3; by default 2, with a field 3.
        points: stored times of a trajectory, from time 0 on the law's own grid.
        seed: of the initial states.
        benchmark: the published protocol of the springs: one window of 5 points from each trajectory.
        overwrite: replace an older file.
    """
    from lieham.data import save
    from lieham.errors import check_choice
    from systems import SYSTEMS

    check_choice("law", law, LAWS)
    out = Path(f"{law}.h5") if out is None else out
    if out.exists() and not overwrite:
        raise FileError(f"out must be a new file, got {out}, which exists: give --overwrite true")
    system = SYSTEMS[law](n_bodies=n_bodies, **({} if dim is None else {"dim": dim}))
    if benchmark and law != "springs":
        raise InputError(f"benchmark must go with the law springs, got {law}")
    if benchmark:
        data = system.benchmark(n_train, seed, n_test, n_val)
    else:
        data = system.generate(n_train, n_val, n_test, seed=seed, points=points)
    save(data, out, overwrite=overwrite)
    print(f"wrote {out}: {data}")


def train(
    data: Path | None = None,
    run: Path = Path("runs/first"),
    model: ModelConfig = ModelConfig(),  # noqa: B008 - frozen
    train: TrainConfig = TrainConfig(),  # noqa: B008
    masses: str = "",
    resume: bool = False,
):
    """Fit a Hamiltonian to the trajectories of a file.

    Args:
        data: an .h5 or .npz file with times, q, p or v, and mass; positions alone will do, with --train.observed noisy
            what has noise; with --resume the run's own by default.
        run: folder for the config, the log, the checkpoint and the model.
        model: the architecture; `features` follows the data.
        train: how it is trained.
        masses: of a file without masses, the symmetry of its motion, such as SE(2), whose conserved momenta give them.
        resume: continue the run in that folder, with the settings it was begun with.
    """
    from lieham.cli.learning import resume_run, start_run

    history = resume_run(run, data) if resume else start_run(run, data, model, train, masses)
    print(f"best validation loss {history.best:.3e} after {history.seconds:.0f} s; model in {run}")


def forecast_command(
    run: Path,
    data: Path | None = None,
    split: str = "test",
    steps: int = 1000,
    count: int = 20,
    method: str = "auto",
    substeps: int | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    compile: bool = False,
    json: bool = False,
):
    """Roll a trained model out from the first states of a file's trajectories.

    Args:
        run: the run folder (or model file) of the model.
        data: the file with initial states; by default the one the model was trained on.
        split: train, val or test.
        steps: output times after the first.
        count: systems to forecast.
        method: integrator; auto is yoshida4, or gauss4 where H is not separable. Both keep momenta to round-off.
        substeps: integrator steps between output times; 4 by default, where the method has fixed steps.
        out: the file to write, forecast.h5 in the run folder by default.
        overwrite: replace an older forecast.
        compile: let torch.compile the force; half a minute at first, less for each step.
        json: print the settings as JSON.
    """
    from lieham.cli.learning import forecast_run

    figures = forecast_run(run, data, split, steps, count, method, substeps, out, overwrite, compile)
    show(figures, json, lambda x: "\n".join(f"{key:<12} {value}" for key, value in x.items()))


def conservation_command(run: Path, file: Path | None = None, plot: Path | None = None, json: bool = False):
    """Show the drift of every charge along a forecast, and which of them the model's group promises.

    Args:
        run: the run folder of the model.
        file: the forecast, forecast.h5 in the run folder by default.
        plot: a PNG file for the drift of every charge; none by default.
        json: print the figures as JSON.
    """
    from lieham.cli.learning import conservation_of_run

    report = conservation_of_run(run, file)
    if plot is not None:
        report.plot(plot)
    show(report.as_dict(), json, lambda _: str(report))


def audit_command(
    target: str,
    group: str | None = None,
    kind: str = "V",
    n_bodies: int = 5,
    count: int = 1000,
    length: float = 1.0,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Check a model, or any function, for the symmetry it declares and all that conservation rests on.

    Args:
        target: the run folder or file of a model, or module:callable for a function of q (b, n, d) of anybody's.
        group: the symmetry declared, such as SE(3) or E(3) with mirror images; by default the model's own.
        kind: what a callable is: V, H or force.
        n_bodies: bodies in a configuration.
        count: random moves; the search for the worst tries 1,280 more.
        length: size of the configurations of a callable.
        seed: of everything random.
        json: print the checks as JSON.
    """
    from lieham.cli.learning import audited

    made = audited(target, group, kind, n_bodies, count, length, seed)
    show(made.as_dict(), json, lambda _: str(made))
    return 0 if made.sound else 1


def describe(file: Path, masses: str = "", json: bool = False):
    """Say what a file of trajectories holds: splits, shapes, times, units, ranges.

    Args:
        file: an .h5 or .npz file.
        masses: of a file without masses, the symmetry of its motion, such as SE(2), whose conserved momenta give them.
        json: print the description as JSON.
    """
    from lieham.data import describe as describe_data
    from lieham.data import read

    description = describe_data(read(file, masses=masses))
    show(description.as_dict(), json, lambda _: str(description))


_FUNCTIONS = (
    *(demo, generate, train, train_digits, train_qm9, forecast_command, conservation_command, audit_command),
    *(evaluate, describe),
)

SWITCHES = {f"--{name}" for f in _FUNCTIONS for name, kind in f.__annotations__.items() if kind == "bool"}
"""Options that may stand without `true`."""

COMMANDS = {
    "demo": demo,
    "generate": generate,
    "train": {
        "_help": "Learn from trajectories (meant where none of these is named), from digits, or from molecules.",
        "trajectories": train,
        "digits": train_digits,
        "qm9": train_qm9,
    },
    "forecast": forecast_command,
    "conservation": conservation_command,
    "audit": audit_command,
    "evaluate": evaluate,
    "data": {"_help": "Look into a file of trajectories.", "describe": describe},
}
