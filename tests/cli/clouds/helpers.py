"""Tiny runs on digits and molecules, and the files that they read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from systems.images.digits import ROTMNIST

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


COMMANDS = {
    "d": ["train", "digits", "--augment", *SIZES, *TINY],
    "m": ["train", "qm9", "--target", "u0", "--augment", *SIZES, *TINY],
    "s": ["train", "digits", "--model.lift", "sampled", "--train.redraw", *SIZES, *TINY],
    "x": ["train", "qm9", "--group", "SE(3)", "--model.lift", "sampled", "--augment", *SIZES, *TINY],
}
FOLDERS = {"d": "rot", "m": "qm9", "s": "rot", "x": "qm9"}


def same_weights(a, b) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(x, other[name]) for name, x in mine.items())
