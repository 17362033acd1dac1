"""The command line of digits and molecules, on small files: a run, what it leaves, and its scores."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lieham.cli.kinds.digits import TrainDigits
from lieham.cli.main import with_kind
from lieham.data import CloudDataset, PointClouds, Provenance
from lieham.evaluate import predict, scores
from lieham.models import LieConvClassifier, load_model, model_for
from lieham.training import RunFolder, fit
from systems.images.digits import DigitOptions, digits, rotmnist
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN
from systems.molecules.qm9 import MoleculeOptions, molecules
from tests.cli.clouds.helpers import COMMANDS, FOLDERS, SIZES, TINY, rotmnist_files, same_weights
from tests.cli.helpers import PNG, lieham

# Which command is meant


def test_train_alone_is_with_kind():
    assert with_kind(["train", "--data", "x.npz"]) == ["train", "trajectories", "--data", "x.npz"]
    assert with_kind(["train", "--resume", "--help"]) == ["train", "trajectories", "--resume", "--help"]
    assert with_kind(["train"]) == ["train", "trajectories"]
    for same in ("train digits", "train qm9 --json", "train trajectories", "train --help", "train -h", "demo", ""):
        assert with_kind(same.split()) == same.split()


def test_help_of_train_has_a_line_for_each(capsys):
    with pytest.raises(SystemExit):
        lieham("train", "--help")
    text = " ".join(capsys.readouterr().out.split())
    for line in ("trajectories Fit a Hamiltonian", "digits Learn to read", "qm9 Learn a property"):
        assert line in text
    first, _, implied = text.partition("Where no kind is named, trajectories are meant:")
    for option in ("--data", "--run", "--masses", "--model.group", "--train.steps", "--resume"):
        assert option in implied and option not in first, "the options of the kind that is meant are there too"


@pytest.mark.parametrize("kind", ["digits", "qm9"])
def test_a_printed_config_gives_the_same_settings(kind, place, tmp_path, capsys):
    def printed(*arguments: object) -> str:
        with pytest.raises(SystemExit):
            lieham("train", kind, *arguments, "--print_config")
        return capsys.readouterr().out

    text = printed(*SIZES, *TINY, "--augment", *(["--angles", "[-90, 90]"] if kind == "digits" else []))
    (tmp_path / "c.yaml").write_text(text)
    assert printed("--config", tmp_path / "c.yaml") == text != printed()


# What a run leaves


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_leaves_model_figures_and_pictures(name, place):
    pictures = {"rot": ["confusion.png", "curves.png", "wrong.png"], "qm9": ["curves.png", "parity.png"]}
    assert sorted(x.name for x in (place / name / "plots").iterdir()) == pictures[FOLDERS[name]]
    assert all(x.read_bytes().startswith(PNG) for x in (place / name / "plots").iterdir())
    figures = json.loads((place / name / "figures.json").read_text())
    assert figures["clouds"] == {"train": 12, "val": 5, "test": 6} and figures["seconds"]["training"] > 0
    assert len((place / name / "log.jsonl").read_text().splitlines()) == 2
    assert figures["learner"] == "gradient descent (Adam)"
    assert figures["exact"] == (name in "dm") and len(figures["baselines"]) == 2


def test_digits_are_those_of_fit_and_their_error_is_that_of_scores(place):
    data = rotmnist("rot", 12, 5, 6, augment="rotations")
    model = model_for(data, "SE(2)", replace(DIGITS_MODEL, width=8, blocks=2))
    fit(model, data, config=replace(DIGITS_TRAIN, steps=8, batch=6, evaluate_every=4))
    assert same_weights(model, load_model("d"))
    error = scores(model, data.test)["error"]
    figures = json.loads(Path("d/figures.json").read_text())
    assert figures["error"] == pytest.approx(error) and error > 0, "of noise"
    assert figures["standard_error"] == pytest.approx(math.sqrt(error * (1 - error) / 6))


def test_energies_are_in_meV_and_summed_over_the_atoms(place, capsys):
    data = molecules("u0", 12, 5, 6, options=MoleculeOptions(source="qm9"))
    figures, model = json.loads(Path("m/figures.json").read_text()), load_model("m")
    assert figures["unit"] == "meV"
    assert figures["mae"] == pytest.approx(1000 * scores(model, data.test)["mae"], rel=1e-6)
    assert not model.network.mean and load_model("x").network.mean, "u0 is extensive, homo is not"
    assert model.config["lift"]["kind"] == "point" and load_model("x").config["lift"]["kind"] == "sampled"


POINT = ["--model.lift", "point"]


def test_a_group_that_acts_freely_has_the_plain_lift(place, tmp_path):
    command = ["train", "digits", "--folder", "rot", "--group", "SO(2)", *SIZES, *TINY, "--train.steps", 1]
    assert lieham(*command, "--run", tmp_path / "a") == lieham(*command, "--run", tmp_path / "b", *POINT) == 0
    assert load_model(tmp_path / "a").config["lift"]["bases"] == 0
    assert load_model(tmp_path / "b").config["lift"]["bases"] > 0, "a lift that was asked for is kept"


def test_standard_error_is_the_binomial_one():
    clouds = PointClouds.of(torch.zeros(1, 9, 2), torch.zeros(8, 9, 1), torch.zeros(8, dtype=torch.long))
    data = CloudDataset(clouds, None, clouds, Provenance(source="nowhere"))
    said = torch.tensor([0, 0, 0, 0, 0, 0, 3, 4])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lieham.cli.kinds.digits.TrainDigits.baselines", lambda _: {})
        figures = TrainDigits.figures(LieConvClassifier("T(2)", width=4, blocks=1), data, "test", said)
    assert figures["error"] == 0.25 and figures["standard_error"] == pytest.approx(math.sqrt(0.25 * 0.75 / 8))


# Evaluate


@pytest.mark.parametrize("name", COMMANDS)
def test_evaluate_prints_what_training_printed(name, place, capsys):
    figures = json.loads(Path(name, "figures.json").read_text())
    capsys.readouterr()
    assert lieham("evaluate", name, "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {key: x for key, x in figures.items() if key not in ("seconds", "learner")} | {"run": name}
    assert lieham("evaluate", name, "--split", "val") == 0
    assert f"{'error' if FOLDERS[name] == 'rot' else 'MAE of'}" in capsys.readouterr().out


def test_evaluate_takes_files_that_were_moved(place, tmp_path, capsys):
    rotmnist_files(tmp_path, 24)
    assert lieham("evaluate", "d", "--folder", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["error"] == json.loads(Path("d/figures.json").read_text())["error"]


@pytest.mark.usefixtures("numbered")
def test_evaluate_turns_the_test_digits_by_other_angles(place, tmp_path, capsys):
    run, sizes = tmp_path / "r", ["--n_train", 60, "--n_val", 20, "--n_test", 30]
    assert lieham("train", "digits", "--angles", "[0, 0]", "--run", run, *sizes, *TINY) == 0
    turned = DigitOptions(train_angles=(0, 0), test_angles=(80, 100))
    model, data = load_model(run), digits(60, 20, 30, options=turned)
    assert RunFolder(run).config()["data"]["train_angles"] == [0.0, 0.0]
    capsys.readouterr()
    assert lieham("evaluate", run, "--angles", "[80, 100]", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    wrong = predict(model, data.test) != data.test.targets
    assert figures["error"] == wrong.double().mean().item() and figures["test_angles"] == [80, 100]
    # Upright bars are their own neighbours; turned ones are nearest to the shortest, of which few are right.
    assert figures["baselines"]["nearest training image"] > 0.5
    assert json.loads((run / "figures.json").read_text())["baselines"]["nearest training image"] < 0.1
