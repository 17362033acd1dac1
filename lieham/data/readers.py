"""One's own files: `.npz` and `.h5` with plain arrays, split into train, val and test."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from lieham.data.arrays import only_positions, trajectory_of
from lieham.data.dataset import SPLITS, Dataset
from lieham.data.hdf5 import broken_means, load, not_empty, opened, read_arrays
from lieham.errors import FileError, InputError, expected
from lieham.files import must_exist
from lieham.state import Trajectory

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
        return _divide(_read_npz(path), path, split, seed, masses)
    if path.suffix not in (".h5", ".hdf5"):
        raise FileError(f"data must be a file that ends in .h5, .hdf5 or .npz, got {path}")
    with opened(path) as file:
        arrays = None if any(name in file for name in SPLITS) else read_arrays(file, str(path))
    if arrays is None:
        return load(path, masses)
    return _divide(arrays, path, split, seed, masses)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with broken_means("a whole .npz file of plain arrays", not_empty(path)), path.open("rb") as handle:
        file = np.load(handle, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise FileError(f"data must be an .npz file of named arrays, got {path}, a single array without a name")
        return {name: file[name] for name in file.files}


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
        "step": [steps.min().item(), steps.max().item()] if steps.numel() else None,
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
        ranges = {key: x[key] for key in ("times", "step", "total_momentum") if x[key]} | x["range"]
        lines += [f"  {key:<16} {low:.6g} to {high:.6g}" for key, (low, high) in ranges.items()]
    return "\n".join(lines)
