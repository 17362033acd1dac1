"""One's own files: `.npz` and `.h5` with plain arrays, split into train, val and test."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from lieham._support.files import must_exist
from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.formats.hdf5 import load, opened, read_arrays
from lieham.data.formats.npz import read_npz
from lieham.errors import FileError, InputError, expected

SHARES = (0.8, 0.1, 0.1)


def read(path: str | Path, split: tuple[float, float, float] = SHARES, seed: int = 0, masses: str = "") -> Dataset:
    """A dataset from an `.h5` or `.npz` file; see `arrays.trajectory_of` for the arrays it must hold.

    A file without split groups is split by whole trajectories, in the shares of `split`, shuffled with `seed`; one of
    fewer than 3 trajectories along time, into contiguous pieces, and `attributes["split"]` says so. Nothing in a file
    is executed: pickled arrays are refused. A file with neither `p` nor `v` is one of positions alone, which
    `attributes["observed"]` then says, and `fit` learns from them alone. Of a file without `mass`, `masses` names the
    group, such as "SE(2)", from whose conserved momenta their ratios are inferred; the bodies of all trajectories are
    the same then, and the mean mass is put to 1 (`lieham.infer_masses`).

    Raises FileError for a file that is missing, empty, truncated or of another kind, InputError for wrong arrays.
    """
    path = must_exist(path, "data")
    if path.suffix == ".npz":
        return _divide(read_npz(path), path, split, seed, masses)
    if path.suffix not in (".h5", ".hdf5"):
        raise FileError(f"data must be a file that ends in .h5, .hdf5 or .npz, got {path}")
    with opened(path) as file:
        arrays = None if any(name in file for name in SPLITS) else read_arrays(file, str(path))
    if arrays is None:
        return load(path, masses)
    return _divide(arrays, path, split, seed, masses)


def _divide(
    arrays: dict[str, np.ndarray], path: Path, split: tuple[float, float, float], seed: int, masses: str
) -> Dataset:
    x = trajectory_of(arrays, str(path), masses)
    if len(split) != 3 or min(split) < 0 or not split[0] > 0 or not abs(sum(split) - 1) <= 1e-6:
        raise expected("split", "three shares that sum to 1, the first positive", split)
    attributes = {"source": path.name, "units": "as in the file"}
    attributes |= {"observed": "positions"} if only_positions(arrays) else {}
    attributes |= {} if "mass" in arrays else {"masses": masses}
    if len(x) < 3:
        cuts = _cuts(x.times.shape[-1], split, "times", least=2)
        parts = [x.window(a, b - a) if b > a else None for a, b in pairwise(cuts)]
        return Dataset(*parts, attributes | {"split": "along time"})
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    cuts = _cuts(len(x), split, "trajectories", least=1)
    parts = [x[order[a:b]] if b > a else None for a, b in pairwise(cuts)]
    return Dataset(*parts, attributes | {"split": "by trajectory", "split_seed": seed})


def _cuts(total: int, split: tuple[float, float, float], what: str, least: int) -> list[int]:
    """Where the three parts of `total` items begin and end; each asked-for part gets at least `least`."""
    sizes = [max(least, round(total * share)) if share > 0 else 0 for share in split[1:]]
    first = total - sum(sizes)
    if first < least:
        raise InputError(f"split must leave at least {least} {what} for training, got {split} of {total}")
    return [0, first, first + sizes[0], total]
