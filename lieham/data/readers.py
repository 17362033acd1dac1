"""One's own files: `.npz` and `.h5` with plain arrays, split into train, val and test."""

from __future__ import annotations

import zipfile
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch

from lieham.data.arrays import trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.hdf5 import load, opened
from lieham.errors import FileError, InputError, expected
from lieham.files import must_exist
from lieham.state import Trajectory

SHARES = (0.8, 0.1, 0.1)


def read(path: str | Path, split: tuple[float, float, float] = SHARES, seed: int = 0) -> Dataset:
    """A dataset from an `.h5` or `.npz` file; see `arrays.trajectory_of` for the arrays it must hold.

    A file without split groups is split by whole trajectories, in the shares of `split`, shuffled with `seed`; one of
    fewer than 3 trajectories along time, into contiguous pieces, and `attributes["split"]` says so. Nothing in a file
    is executed: pickled arrays are refused.

    Raises FileError for a file that is missing, empty, truncated or of another kind, InputError for wrong arrays.
    """
    path = must_exist(path, "data")
    if path.suffix == ".npz":
        return _divide(trajectory_of(_read_npz(path), str(path)), path, split, seed)
    if path.suffix not in (".h5", ".hdf5"):
        raise FileError(f"data must be a file that ends in .h5, .hdf5 or .npz, got {path}")
    with opened(path) as file:
        if any(name in file for name in SPLITS):
            return load(path)
        arrays = {name: file[name][()] for name in file if isinstance(file[name], h5py.Dataset)}
    return _divide(trajectory_of(arrays, str(path)), path, split, seed)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if path.stat().st_size == 0:
        raise FileError(f"data must be an .npz file, got {path}, which is empty")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"data must be a whole .npz file of plain arrays, got {path}: {error}") from error


def _divide(x: Trajectory, path: Path, split: tuple[float, float, float], seed: int) -> Dataset:
    if len(split) != 3 or min(split) < 0 or not split[0] > 0 or abs(sum(split) - 1) > 1e-6:
        raise expected("split", "three shares that sum to 1, the first positive", split)
    attributes = {"source": path.name, "units": "as in the file"}
    if len(x) < 3:
        points = x.times.shape[-1]
        cuts = _cuts(points, split)
        parts = [x.window(a, b - a) if b - a >= 2 else None for a, b in pairwise(cuts)]
        return Dataset(*parts, attributes | {"split": "along time"})
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    cuts = _cuts(len(x), split)
    parts = [x[order[a:b]] if b > a else None for a, b in pairwise(cuts)]
    return Dataset(*parts, attributes | {"split": "by trajectory", "split_seed": seed})


def _cuts(total: int, split: tuple[float, float, float]) -> list[int]:
    """Where the three parts of `total` items begin and end; each asked-for part gets one where there are enough."""
    sizes = [max(1, round(total * share)) if share > 0 else 0 for share in split[1:]]
    first = total - sum(sizes)
    if first < 1:
        raise InputError(f"split must leave at least one item for training, got {split} of {total}")
    return [0, first, first + sizes[0], total]


def describe(dataset: Dataset) -> dict:
    """What a dataset holds, JSON-able: shapes, times, ranges, total momentum, and the file's attributes."""
    splits = {name: _describe(x) for name, x in dataset.splits.items()}
    return {"attributes": dataset.attributes, "splits": splits}


def _describe(x: Trajectory) -> dict:
    steps = x.times.diff(dim=-1)
    real = x.bodies.mask
    total = (x.p[:, 0] * real[..., None]).sum(-2).norm(dim=-1)
    ranges = {"q": x.q[real[:, None].expand(x.q.shape[:-1])], "p": x.p[real[:, None].expand(x.p.shape[:-1])]}
    ranges |= {"mass": x.bodies.mass[real], "features": x.bodies.features[real]}
    return {
        "trajectories": len(x),
        "points": x.times.shape[-1],
        "bodies": x.q.shape[-2],
        "dim": x.dim,
        "features": x.bodies.features.shape[-1],
        "padded": 1 - real.double().mean().item(),
        "dtype": str(x.q.dtype).removeprefix("torch."),
        "times": [x.times.min().item(), x.times.max().item()],
        "step": [steps.min().item(), steps.max().item()],
        "total_momentum": [total.min().item(), total.max().item()],
        "range": {name: [y.min().item(), y.max().item()] for name, y in ranges.items() if y.numel()},
    }


def format_description(description: dict) -> str:
    """The same as text."""
    lines = [f"{key:<18} {value}" for key, value in description["attributes"].items()]
    for name, x in description["splits"].items():
        lines.append(
            f"\n{name}: {x['trajectories']} trajectories of {x['points']} points, {x['bodies']} bodies in {x['dim']}-D"
        )
        lines.append(f"  {'dtype':<16} {x['dtype']}, {x['features']} features, {100 * x['padded']:.0f} % padded")
        for key in ("times", "step", "total_momentum"):
            lines.append(f"  {key:<16} {x[key][0]:.6g} to {x[key][1]:.6g}")
        lines += [f"  {key:<16} {low:.6g} to {high:.6g}" for key, (low, high) in x["range"].items()]
    return "\n".join(lines)
