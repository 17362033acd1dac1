"""This module reads a file of any known format: it checks arrays, infers missing masses, and cuts splits."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch

from lieham._support.files import must_exist
from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.formats import FORMATS
from lieham.data.formats.contents import Arrays, Contents
from lieham.data.formats.hdf5 import opened, read_hdf5
from lieham.data.provenance import Provenance
from lieham.errors import FileError, InputError, expected

SHARES = (0.8, 0.1, 0.1)


def read(path: str | Path, split: tuple[float, float, float] = SHARES, seed: int = 0, masses: str = "") -> Dataset:
    """Read a file of trajectories, and cut it into splits if it has none.

    The arrays are those of `lieham.data.arrays.trajectory_of`: `times`, `q`, one of `p` and `v`, `mass`, and optional
    `features` and `mask`. Nothing in a file is executed: pickled arrays are refused.

    Args:
        path: a file whose suffix is one of `lieham.data.formats.FORMATS`: .h5, .hdf5 or .npz.
        split: the shares of train, val and test in a file without splits. Whole trajectories are shared out; a file
            of fewer than 3 is cut along time, into contiguous pieces, and `provenance.split` says which was done.
        seed: the seed of the order in which whole trajectories are shared out.
        masses: a group such as "SE(2)" for a file without `mass`. The ratios of the masses are inferred from its
            conserved momenta (`lieham.infer_masses`); the bodies of all trajectories are then the same, and the mean
            mass is 1.

    Returns:
        A dataset. Where the file has neither `p` nor `v`, the momenta are estimates, `provenance.observed` is
        "positions", and `fit` learns from the positions alone.

    Raises:
        FileError: the file is missing, empty, truncated or of an unknown format.
        InputError: an array is missing, of a wrong shape, or holds values that a trajectory cannot.

    Example:
        >>> import tempfile, numpy as np
        >>> t, path = np.linspace(0, 1, 11), tempfile.mkdtemp() + "/mine.npz"
        >>> q = np.stack([np.cos(t), np.sin(t)], -1).reshape(1, 11, 1, 2) * np.ones((10, 1, 1, 1))
        >>> np.savez(path, times=t, q=q, v=np.gradient(q, t, axis=1), mass=np.ones(1))
        >>> data = read(path)
        >>> data
        Dataset(train=8x11, val=1x11, test=1x11, n=1, d=2, features=0)
        >>> data.provenance.split
        'by trajectory'
    """
    path = must_exist(path, "data")
    if path.suffix not in FORMATS:
        *most, last = FORMATS
        raise FileError(f"data must be a file that ends in {', '.join(most)} or {last}, got {path}")
    contents = FORMATS[path.suffix].read(path)
    if "" in contents.splits:
        return _divided(contents, path, split, seed, masses)
    return _as_split(contents, path, masses)


def load(path: str | Path, masses: str = "") -> Dataset:
    """Read and validate an HDF5 file that `save` has written, or one of the same layout, whatever its suffix.

    Args:
        path: the file.
        masses: the symmetry from which missing masses are inferred, as in `read`.

    Returns:
        The dataset, with the provenance that was saved with it.

    Raises:
        FileError: the file is missing, empty, truncated, not HDF5, or has no group train, val or test.
        InputError: an array of the named split is missing, of a wrong shape, or holds values that a trajectory cannot.
    """
    with opened(path) as file:
        if not any(name in file for name in SPLITS):
            found = ", ".join(file) or "nothing"
            raise FileError(f"data must have a group {', '.join(SPLITS)}, got {path} with {found}")
    return _as_split(read_hdf5(Path(path)), Path(path), masses)


def _as_split(contents: Contents, path: Path, masses: str) -> Dataset:
    """Return the dataset of a file that has splits."""
    if masses and any("mass" not in x for x in contents.splits.values()):
        raise InputError(f"{path}: masses can be inferred of files without splits, got one with splits and no mass")
    splits = {name: trajectory_of(x, f"{path}, split {name}") for name, x in contents.splits.items()}
    known = _provenance(contents, path)
    if any(only_positions(x) for x in contents.splits.values()):
        known = known.updated(observed="positions")
    return Dataset(**splits, provenance=known)


def _provenance(contents: Contents, path: Path) -> Provenance:
    try:
        return Provenance.of(contents.attributes)
    except InputError as error:
        raise InputError(f"{path}: attribute {error}") from error


def _divided(contents: Contents, path: Path, split: tuple[float, float, float], seed: int, masses: str) -> Dataset:
    """Return the dataset of a file without splits; the splits are cut here."""
    arrays = contents.splits[""]
    x = trajectory_of(arrays, str(path), masses)
    if len(split) != 3 or min(split) < 0 or not split[0] > 0 or not abs(sum(split) - 1) <= 1e-6:
        raise expected("split", "three shares that sum to 1, the first positive", split)
    known = _own_file(arrays, path, masses)
    if len(x) < 3:
        cuts = _cuts(x.times.shape[-1], split, "times", least=2)
        train, val, test = (x.window(a, b - a) if b > a else None for a, b in pairwise(cuts))
        return Dataset(train, val, test, known.updated(split="along time"))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    cuts = _cuts(len(x), split, "trajectories", least=1)
    train, val, test = (x[order[a:b]] if b > a else None for a, b in pairwise(cuts))
    return Dataset(train, val, test, known.updated(split="by trajectory", seed=seed))


def _own_file(arrays: Arrays, path: Path, masses: str) -> Provenance:
    """Return the provenance of a user's own file of arrays."""
    observed = "positions" if only_positions(arrays) else "exact"
    inferred = "" if "mass" in arrays else masses
    return Provenance(observed=observed, units="as in the file", source=path.name, masses=inferred)


def _cuts(total: int, split: tuple[float, float, float], what: str, least: int) -> list[int]:
    """Return the four bounds of three parts of `total` items; each part with a share gets at least `least` items."""
    sizes = [max(least, round(total * share)) if share > 0 else 0 for share in split[1:]]
    first = total - sum(sizes)
    if first < least:
        raise InputError(f"split must leave at least {least} {what} for training, got {split} of {total}")
    return [0, first, first + sizes[0], total]
