"""This module reads a file of any known format: it checks arrays, infers missing masses, and cuts splits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from lieham._support.files import must_exist
from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.formats import FORMATS
from lieham.data.formats.contents import Arrays, Contents
from lieham.data.formats.hdf5 import opened, read_hdf5
from lieham.data.provenance import Provenance
from lieham.data.splitting import SHARES, WINDOW, Shares, check_shares, divided
from lieham.errors import FileError, InputError, check_count
from lieham.state import Trajectory


@dataclass(frozen=True)
class _Cut:
    """A record that says how a file without splits is cut, apart from the shares."""

    seed: int
    masses: str
    window: int


def read(
    path: str | Path, split: Shares | None = None, seed: int = 0, masses: str = "", window: int = WINDOW
) -> Dataset:
    """Read a file of trajectories, and cut it into splits if it has none.

    The arrays are those of `lieham.data.arrays.trajectory_of`: `times`, `q`, one of `p` and `v`, `mass`, and optional
    `features`, `mask`, `forces` and `energy`. Nothing in a file is executed: pickled arrays are refused.

    Args:
        path: a file whose suffix is one of `lieham.data.formats.FORMATS`: .h5, .hdf5 or .npz.
        split: the shares of train, val and test in a file without splits, by default (0.8, 0.1, 0.1). Whole
            trajectories are shared out; a file of fewer than 3 is cut along time, into contiguous pieces, and
            `provenance.split` says which was done.
        seed: the seed of the order in which whole trajectories are shared out.
        masses: a group such as "SE(2)" for a file without `mass`. The ratios of the masses are inferred from its
            conserved momenta (`lieham.infer_masses`); the bodies of all trajectories are then the same, and the mean
            mass is 1.
        window: the number of points of the windows that `fit` will take. Each piece of a file that is cut along time
            has that many, or it is left out with a warning: first test, then val.

    Returns:
        A dataset. Where the file has neither `p` nor `v`, the momenta are estimates, `provenance.observed` is
        "positions", and `fit` learns from the positions alone.

    Raises:
        FileError: the file is missing, empty, truncated or of an unknown format.
        InputError: an array is missing, of a wrong shape, or holds values that a trajectory cannot; or the shares are
            no shares.

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
    check_count("window", window, least=2)
    contents = FORMATS[path.suffix].read(path)
    if "" in contents.splits:
        return _divided(contents, path, split, _Cut(seed, masses, window))
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


def _divided(contents: Contents, path: Path, split: Shares | None, cut: _Cut) -> Dataset:
    """Return the dataset of a file without splits; the splits are cut here."""
    arrays = contents.splits[""]
    x = trajectory_of(arrays, str(path), cut.masses)
    shares = SHARES if split is None else check_shares(split)
    (train, val, test), how = divided(x, shares, cut.window, cut.seed)
    if "without" in how:
        _warn_of_lost(path, x, how, cut.window)
    known = _own_file(arrays, path, cut.masses).updated(split=how)
    if how.startswith("by trajectory"):
        known = known.updated(seed=cut.seed)
    if split is not None:
        known = known.updated(shares=",".join(f"{share:g}" for share in split))
    if cut.window != WINDOW:
        known = known.updated(window=cut.window)
    return Dataset(train, val, test, known)


def _warn_of_lost(path: Path, x: Trajectory, how: str, window: int) -> None:
    """Warn of the splits that a short file does not have."""
    points, lost = x.times.shape[-1], how.split(", without ")[1]
    many = "a trajectory" if len(x) == 1 else f"{len(x)} trajectories"
    warnings.warn(
        f"{path}: {many} of {points} points cannot give windows of {window} points to {lost} beside train, so the file "
        f"was cut without {lost}: a smaller window (window=3, --train.window 3) or more data would allow it",
        UserWarning,
        stacklevel=4,
    )


def _own_file(arrays: Arrays, path: Path, masses: str) -> Provenance:
    """Return the provenance of a user's own file of arrays."""
    observed = "positions" if only_positions(arrays) else "exact"
    inferred = "" if "mass" in arrays else masses
    return Provenance(observed=observed, units="as in the file", source=path.name, masses=inferred)
