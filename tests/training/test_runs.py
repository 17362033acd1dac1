"""Runs are written, interrupted, killed, and resumed bit for bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lieham.data import save
from lieham.errors import InputError, Interrupted
from lieham.models import HLieConv, load_model
from lieham.models.config import ModelConfig
from lieham.optim import lbfgs
from lieham.training import RunFolder, fit
from lieham.training.config import TrainConfig
from tests.helpers.cases import trainer_of
from tests.helpers.places import ROOT
from tests.helpers.training import QUICK, data, equal, new_trainer, same_weights, small_model

pytestmark = pytest.mark.usefixtures("short_chunks")


def asked_at(*counts: int):
    """`interruptible`, with a Ctrl-C at these evaluations of the loss."""

    @contextmanager
    def interruptible():
        seen = iter(range(10**9))
        yield lambda: next(seen) in counts

    return interruptible


def evaluations(config: TrainConfig = QUICK) -> int:
    seen = []
    trainer = trainer_of(small_model(), data().train, data().val, config, stop=lambda: bool(seen.append(1)))
    list(trainer.run())
    return len(seen)


def test_a_run_folder_holds_what_it_says(whole):
    folder, model, history = whole
    assert sorted(f.name for f in folder.iterdir()) == [
        "checkpoint.pt",
        "config.yaml",
        "log.jsonl",
        "model.safetensors",
    ]
    content = RunFolder(folder).config()
    assert TrainConfig(**content["train"]) == replace(QUICK, observed="exact")
    assert content["data"]["law"] == "springs"
    ModelConfig(**content["model"])
    assert [json.loads(x) for x in (folder / "log.jsonl").read_text().splitlines()] == history.rows
    assert same_weights(load_model(folder), model)
    assert [(row["stage"], row["step"]) for row in history.rows] == [
        *(("adam", k) for k in (2, 4, 6, 8)), ("lbfgs", 6), ("lbfgs", 12)
    ]  # fmt: skip


def test_a_run_folder_changes_no_weight(whole):
    model = small_model()
    fit(model, data(), config=QUICK)
    assert same_weights(model, whole[1])


@pytest.mark.parametrize("place", [0, 3, 4, 8, 11, -3])
def test_an_interrupted_run_resumes_bit_for_bit(place, whole, tmp_path, monkeypatch):
    """Ctrl-C at the first evaluation, inside Adam (between and at validations), at the start of refinement,
    inside its first chunk and inside its last one."""
    folder, at = tmp_path / "run", place if place >= 0 else evaluations() + place
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(at))
    with pytest.raises(Interrupted) as caught:
        fit(small_model(), data(), config=QUICK, run=folder)
    assert caught.value.run == folder and str(folder) in str(caught.value)
    assert not (folder / "model.safetensors").exists()
    monkeypatch.undo()
    model = small_model(seed=9)  # its own weights must not matter
    history = fit(model, data(), config=QUICK, run=folder, resume=True)
    assert same_weights(model, whole[1])
    assert equal(history.rows, whole[2].rows) and history.best == whole[2].best
    assert equal(RunFolder(folder).checkpoint(), RunFolder(whole[0]).checkpoint())
    assert same_weights(load_model(folder), whole[1])


def test_a_run_interrupted_many_times_resumes_bit_for_bit(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(3))
    folder, resume = tmp_path / "run", False
    for _ in range(3):
        with pytest.raises(Interrupted):
            fit(small_model(), data(), config=QUICK, run=folder, resume=resume)
        resume = True
    monkeypatch.undo()
    model = small_model()
    fit(model, data(), config=QUICK, run=folder, resume=True)
    assert same_weights(model, whole[1])


def state_after(steps: int, trainer: Trainer) -> dict:
    """The state after so many evaluations of the loss."""
    seen = iter(range(10**9))
    trainer.stop = lambda: next(seen) == steps
    with pytest.raises(Interrupted):
        list(trainer.run())
    return trainer.state_dict()


def test_an_interruption_passes_a_caller_that_catches_every_exception(monkeypatch):
    """Ctrl-C stops a loop over models whose body says `except Exception`; an error of the input does not."""
    done = []

    def one_after_the_other(*settings: dict) -> None:
        for own in settings:
            try:
                fit(small_model(), data(), config=QUICK, **own)
            except Exception as error:
                done.append(type(error))

    one_after_the_other({"steps": -1}, {"lr": 0.0})
    assert done == [InputError] * 2
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(3))
    with pytest.raises(KeyboardInterrupt) as caught:
        one_after_the_other({}, {})
    assert done == [InputError] * 2 and caught.type is Interrupted
    assert not issubclass(Interrupted, Exception)


def test_optimiser_average_and_draws_come_back():
    """In the middle of Adam, every part of the state: a resumed run that had forgotten one would differ."""
    straight = state_after(7, new_trainer())
    halfway, second = state_after(3, new_trainer()), new_trainer()
    second.load_state_dict(halfway)
    resumed = state_after(4, second)
    assert equal(straight, resumed)
    for part in ("stage", "generator"):
        third = new_trainer()
        third.load_state_dict({**halfway, part: new_trainer().state_dict()[part]})
        assert not equal(straight, state_after(4, third)), f"{part} matters"


def test_the_drawn_frames_of_a_sampled_lift_come_back():
    def trainer():
        return trainer_of(HLieConv("SE(2)", 1, width=8, lift="sampled"), data().train, data().val, QUICK)

    straight, halfway, second = state_after(7, trainer()), state_after(3, trainer()), trainer()
    second.load_state_dict(halfway)
    assert equal(straight, state_after(4, second))


def test_a_finished_run_resumes_to_itself(whole):
    model = small_model(seed=3)
    history = fit(model, data(), config=QUICK, run=whole[0], resume=True)
    assert same_weights(model, whole[1]) and equal(history.rows, whole[2].rows)
    assert same_weights(load_model(whole[0]), model)


def python(code: str, *arguments: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import lieham
import tests.helpers.training as here
from lieham.optim import lbfgs

lbfgs.REFINE_CHUNK = int(sys.argv[3])
import torch._dynamo  # what torch.func imports on first use, once for all children

def kill_at(step):
    return lambda done, total: done == step and os.kill(os.getpid(), signal.SIGKILL)

for step in (1, 5, 14):
    child = os.fork()
    if child == 0:
        run = sys.argv[2] + f"/{step}"
        lieham.fit(here.small_model(), here.data(), config=here.QUICK, run=run, progress=kill_at(step))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_killed_run_resumes_bit_for_bit(whole, tmp_path):
    """SIGKILL before the first validation, between two of Adam, and after a chunk of refinement that was not
    saved; each in a process of its own, forked before torch has threads."""
    process = python(KILLED, ROOT, tmp_path, lbfgs.REFINE_CHUNK)
    out, err = process.communicate()
    assert out.split() == [str(-signal.SIGKILL)] * 3, err
    for step, (stage, place) in {1: (0, 0), 5: (0, 4), 14: (0, 8)}.items():
        run, model = tmp_path / str(step), small_model()
        assert RunFolder(run).checkpoint()["place"][:2] == [stage, place]
        history = fit(model, data(), config=QUICK, run=run, resume=True)
        assert same_weights(model, whole[1]) and equal(history.rows, whole[2].rows), step


def test_ctrl_c_leaves_a_resumable_run(tmp_path):
    """`lieham train` in a process of its own, interrupted after its first validation, at any step."""
    save(data(), tmp_path / "springs.h5")
    run = tmp_path / "run"
    settings = {"steps": 100_000, "evaluate_every": 5, "batch": 6, "window": 3, "refine_windows": 8, "ridge": False}
    command = ["train", "--data", tmp_path / "springs.h5", "--run", run, "--model.width", "8"]
    numbers = {name: value for name, value in settings.items() if name != "ridge"}
    command += ["--no_train.ridge", *(x for name, value in numbers.items() for x in (f"--train.{name}", str(value)))]
    process = python("import sys; from lieham.cli import main; sys.exit(main(sys.argv[1:]))", *command)
    while not (run / "log.jsonl").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert err.strip().splitlines()[-1].endswith(f": lieham train trajectories --resume --run {run}")
    assert "Traceback" not in err and out == ""
    state = RunFolder(run).checkpoint()
    stage, done, _ = state["place"]
    assert stage == 0 and done >= 5
    config = TrainConfig(**settings, observed="exact")  # as `fit` reads it off the data
    assert equal(state, state_after(done, new_trainer(config)))
    resumed = new_trainer(config)
    resumed.load_state_dict(state)
    assert equal(state_after(7, resumed), state_after(done + 7, new_trainer(config)))


def test_a_real_signal_stops_and_gives_the_handlers_back(tmp_path):
    def progress(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    before = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted):
        fit(small_model(), data(), config=QUICK, run=tmp_path / "run", progress=progress)
    assert [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)] == before
    assert RunFolder(tmp_path / "run").checkpoint()["place"][:2] == [0, 3]
