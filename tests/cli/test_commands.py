"""The command line, the whole way on tiny sizes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lieham import load_model
from lieham.auditing import smoothness
from lieham.conservation import conservation
from lieham.data import load, read_forecast
from lieham.forecasting import Forecast, forecast
from lieham.models import HLieConv
from lieham.training import History, RunFolder, fit
from systems import SYSTEMS, Springs
from systems.names import LAWS
from tests.cli.helpers import PNG, SIZES, TINY, lieham, refused


def test_generate_writes_what_the_law_gives(done):
    stored, made = load(done / "springs.h5"), Springs(3, 2).generate(4, 2, 3, points=8)
    for name, split in made.splits.items():
        assert torch.equal(getattr(stored, name).q, split.q) and torch.equal(getattr(stored, name).p, split.p)
    assert stored.provenance.law == "springs"


@pytest.mark.parametrize("law", LAWS)
def test_every_law_can_be_generated_in_space(law, place, capsys):
    assert lieham("generate", law, "--dim", 3, *SIZES, "--overwrite") == 0
    assert f"wrote {law}.h5: Dataset(train=4x8, val=2x8, test=3x8, n=3, d=3" in capsys.readouterr().out
    assert load(place / f"{law}.h5").provenance.law == law


def test_laws_are_those_of_systems():
    assert tuple(SYSTEMS) == LAWS


def test_the_published_windows(place):
    sizes = ["--n_train", 2, "--n_val", 1, "--n_test", 2]
    assert lieham("generate", "springs", "--out", "b.h5", "--benchmark", *sizes) == 0
    stored, made = load("b.h5"), Springs(6, 2).benchmark(2, n_val=1, n_test=2)
    assert torch.equal(stored.train.q, made.train.q) and torch.equal(stored.test.times, made.test.times)
    assert len(stored.val) == 1


def test_train_is_fit(done):
    model = HLieConv("SE(2)", 1, width=8)
    fit(model, load(done / "springs.h5"), steps=4, refine=2, evaluate_every=2)
    stored = load_model(done / "r")
    assert all(torch.equal(x, stored.state_dict()[name]) for name, x in model.state_dict().items())
    config = RunFolder(done / "r").config()
    assert config["data"]["file"] == str((done / "springs.h5").resolve()) and config["train"]["steps"] == 4
    assert config["model"]["features"] == 1, "taken from the data"


def test_forecast_starts_from_the_split_asked_for(place, capsys):
    for split in ("test", "val"):
        assert lieham("forecast", "r", "--split", split, "--steps", 3, "--count", 2, "--out", f"{split}.h5") == 0
        trajectory, attributes = read_forecast(f"{split}.h5")
        assert torch.equal(trajectory.q[:, 0], getattr(load("springs.h5"), split).q[:2, 0])
        assert trajectory.q.shape == (2, 4, 3, 2) and attributes["method"] == "yoshida4"
    assert "Yoshida4(substeps=" in capsys.readouterr().out


def test_forecast_takes_a_model_file_method_and_data(place, capsys):
    arguments = [
        "--data",
        "springs.h5",
        "--steps",
        2,
        "--method",
        "rk4",
        "--substeps",
        3,
        "--out",
        "f.h5",
        "--json",
    ]
    assert lieham("forecast", "r/model.safetensors", *arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == "rk4" and "substeps=3" in figures["settings"]
    assert (figures["systems"], figures["steps"], figures["file"]) == (3, 2, "f.h5")


@pytest.mark.parametrize(
    "law, model",
    [
        ("magnetic-springs", ["--model.kind", "VectorPotentialLieConv", "--model.group", "SO(2)xT(1)"]),
        ("bending", ["--model.lift", '{"kind": "tensor", "level": 3, "fill": 0.7}']),
        ("falling-springs", ["--model.group", "SE(2)xTrivial(1)", "--model.radius", "2.0"]),
    ],
)
def test_other_laws_and_models_go_the_same_way(law, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert lieham("generate", law, "--out", "x.h5", *SIZES) == 0
    assert lieham("train", "--data", "x.h5", "--run", "r", *TINY, *model) == 0
    assert lieham("train", "--run", "r", "--resume") == 0, "the settings are found again"
    assert lieham("forecast", "r", "--steps", 3) == 0
    capsys.readouterr()
    assert lieham("conservation", "r", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == ("gauss4" if law == "magnetic-springs" else "yoshida4")
    assert all(row["max_drift"] < 1e-12 for row in figures["charges"] if row["promised"] and row["name"] != "H")
    assert all(row["blame"] in ("", "model", "integrator") for row in figures["charges"])
    monkeypatch.setattr(smoothness, "LINES", 2)  # fewer than users have, for speed
    assert lieham("audit", "r", "--count", 20, "--n_bodies", 3) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "sound"


def test_conservation_prints_and_draws(place, capsys):
    assert lieham("conservation", "r", "--plot", "plots/drift.png") == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows.pop().startswith("precision: ")
    assert [row.split()[0] for row in rows] == ["charge", "P_x", "P_y", "L", "L_cm", "K_x", "K_y", "H"]
    assert Path("plots/drift.png").read_bytes().startswith(PNG)
    assert lieham("conservation", "r", "--file", "r/forecast.h5", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == "yoshida4" and all(row["promised"] for row in figures["charges"])


@pytest.mark.parametrize(
    "options", [[], ["--substeps", 3], ["--method", "rk4", "--substeps", 5], ["--method", "dopri5"]]
)
def test_conservation_knows_the_integrator_of_the_forecast(options, place, monkeypatch):
    """With its substeps and its compensation, which a forecast's file keeps."""
    seen: list[Forecast] = []
    monkeypatch.setattr(sys.modules["lieham.conservation.drift"], "conservation", spying(seen, conservation))
    model, x = load_model("r"), load("springs.h5").test
    assert lieham("forecast", "r", "--steps", 3, "--out", "f.h5", *options) == 0
    assert lieham("conservation", "r", "--file", "f.h5") == 0
    own = dict(zip((str(word)[2:] for word in options[::2]), options[1::2], strict=True))
    assert seen[0].integrator == forecast(model, x, 3, **own).integrator


def spying(seen: list, function):
    def spy(x, *others):
        seen.append(x)
        return function(x, *others)

    return spy


def test_describe_prints_text_or_json(place, capsys):
    assert lieham("data", "describe", "springs.h5") == 0
    text = capsys.readouterr().out
    assert "train: 4 trajectories of 8 points, 3 bodies in 2-D" in text
    assert lieham("data", "describe", "springs.h5", "--json") == 0
    splits = json.loads(capsys.readouterr().out)["splits"]
    assert {name: x["trajectories"] for name, x in splits.items()} == {"train": 4, "val": 2, "test": 3}


@pytest.mark.parametrize(
    "arguments, as_json",
    [
        (["springs.h5"], False),
        (["springs.h5", "--json"], True),
        (["--json", "springs.h5"], True),
        (["--no_json", "springs.h5"], False),
        (["--json", "--no_json", "springs.h5"], False),
    ],
)
def test_a_switch_is_a_flag(arguments, as_json, done, capsys, monkeypatch):
    monkeypatch.chdir(done)
    assert lieham("data", "describe", *arguments) == 0
    assert capsys.readouterr().out.startswith("{") == as_json


def test_one_s_own_arrays(place, capsys):
    """An .npz with velocities: the way of `examples/your_own_data.py`, to the conservation table."""
    x = load("springs.h5").train
    v = x.p / x.bodies.mass[:, None, :, None]
    arrays = {"times": x.times[0], "q": x.q, "v": v, "mass": x.bodies.mass}
    np.savez("mine.npz", **{k: y.numpy() for k, y in arrays.items()})
    assert lieham("train", "--data", "mine.npz", "--run", "mine", "--model.group", "T(2)", *TINY) == 0
    assert lieham("forecast", "mine", "--steps", 3) == 0
    assert lieham("conservation", "mine", "--json") == 0
    figures = json.loads(capsys.readouterr().out.split("forecast.h5\n")[-1])
    assert {row["name"]: row["promised"] for row in figures["charges"]}["L"] is False


def file_of(path: str, d: int, n: int) -> None:
    """Bodies on springs to each other or, if n is 1, to the origin, in closed form."""
    t, draw = np.linspace(0, 6, 20), np.random.default_rng(0)
    angle = t[None, :, None, None] + draw.uniform(0, 6, (5, 1, 1, d))
    sign = np.array([1.0, -1.0])[:n, None]
    np.savez(path, times=t, q=np.sin(angle) * sign, v=np.cos(angle) * sign, mass=np.ones(n))


@pytest.mark.parametrize(
    "d, n, model, group",
    [
        (1, 2, [], "T(1)"),
        (2, 2, [], "SE(2)"),
        (3, 2, [], "SE(3)"),
        (4, 2, [], "T(4)"),
        (1, 1, [], "Trivial(1)"),
        (2, 1, [], "Trivial(2)"),
        (3, 1, [], "Trivial(3)"),
        (2, 2, ["--model.kind", "VectorPotentialLieConv"], "SO(2)"),
        (3, 1, ["--model.kind", "VectorPotentialLieConv"], "SO(2)xT(1)"),
        (3, 2, ["--model.group", "T(3)"], "T(3)"),
    ],
)
def test_train_takes_a_group_that_suits_the_data(d, n, model, group, tmp_path, monkeypatch, capsys):
    """And says which; what is asked for is kept, and a run is resumed with the group that it was begun with."""
    monkeypatch.chdir(tmp_path)
    file_of("x.npz", d, n)
    assert lieham("train", "--data", "x.npz", "--run", "r", *TINY, *model, "--json") == 0
    assert json.loads(capsys.readouterr().out)["group"] == group
    assert load_model("r").group.name == RunFolder(tmp_path / "r").config()["model"]["group"] == group
    assert lieham("train", "--resume", "--run", "r") == 0
    assert f"with the group {group}" in capsys.readouterr().out
    assert lieham("train", "--config", "r/config.yaml", "--run", "again", "--json") == 0
    assert json.loads(capsys.readouterr().out)["group"] == group


def test_train_can_be_the_regression_alone(place, capsys):
    none = ("--train.steps", 0, "--train.refine", 0)
    assert lieham("train", "--data", "springs.h5", "--run", "n", *none) == 0
    assert "by ridge regression in weak form" in capsys.readouterr().out
    refused(capsys, place, ["train", "--data", "springs.h5", "--run", "m", *none, "--no_train.ridge"], "not both be 0")


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_the_windows_of_the_benchmark(law, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ("--n_train", 3, "--n_val", 1, "--n_test", 2, "--n_bodies", 3)
    assert lieham("generate", law, "--benchmark", *sizes, "--out", "x.h5") == 0
    made = load("x.h5")
    assert {name: x.q.shape[:2] for name, x in made.splits.items()} == {"train": (3, 5), "val": (1, 5), "test": (2, 5)}
    assert "window of 5 points" in made.provenance.protocol


def test_positions_alone_and_nothing_else(place, capsys):
    """Neither momenta nor masses: inferred for training, and again for the forecast; without --masses it asks."""
    state, bodies = SYSTEMS["springs"](3).sample(4, torch.Generator().manual_seed(0))
    times = torch.linspace(0, 0.1, 6, dtype=torch.float64)
    q = SYSTEMS["springs"](3).solve(state, bodies.map(lambda x: x[:1].expand_as(x)), times).q
    np.savez("bare.npz", times=times.numpy(), q=q.numpy())
    train = ("train", "--data", "bare.npz", "--run", "bare", "--model.group", "SE(2)", *TINY)
    assert lieham(*train) == 2
    assert '--masses "SE(2)"' in capsys.readouterr().err
    assert lieham(*train, "--masses", "SE(2)") == 0
    assert lieham("forecast", "bare", "--steps", 3) == 0
    assert lieham("data", "describe", "bare.npz", "--masses", "SE(2)") == 0
    out = capsys.readouterr().out
    assert "observed           positions" in out and "masses             SE(2)" in out


def test_resume_continues_with_the_settings_of_the_run(place, capsys):
    before = load_model("r").state_dict()
    assert lieham("train", "--resume", "--run", "r") == 0
    assert all(torch.equal(x, before[name]) for name, x in load_model("r").state_dict().items())
    text = capsys.readouterr().out
    assert "best validation loss" in text
    assert lieham("train", "--resume", "--run", "r", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert f", by {figures['learner']}; model in r" in text and figures["learner"] == "gradient descent (L-BFGS)"


def test_the_learner_of_the_best_weights_is_named():
    rows = [{"learner": "ridge", "validation": 2.0}, {"learner": "Adam", "validation": 1.0}]
    assert History(rows, 1.0).learner == "Adam" and History(rows[:1], 2.0).learner == "ridge"
    assert History().learner == "none"
