"""Trajectories, and the files that a user's own program would write of them."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from lieham.data import TrajectoryWriter
from lieham.state import Bodies, PhaseState, Trajectory

NAN = math.nan


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(
    k: int = 4, time: int = 6, n: int = 3, d: int = 2, seed: int = 0, c: int = 1, padded: bool = False
) -> Trajectory:
    mask = torch.ones(k, n, dtype=torch.bool)
    mask[1:2, -1] = not padded
    bodies = Bodies.of(draw(k, n, seed=seed + 1).square() + 0.5, draw(k, n, c, seed=seed + 2), mask)
    times = 0.1 * torch.arange(time, dtype=torch.float64)
    return Trajectory.of(times, draw(k, time, n, d, seed=seed + 3), draw(k, time, n, d, seed=seed + 4), bodies)


def tensors(x: Trajectory) -> dict[str, torch.Tensor]:
    return {"times": x.times, "q": x.q, "p": x.p} | vars(x.bodies)


def assert_same(x: Trajectory, y: Trajectory) -> None:
    """Bit for bit, dtype included."""
    for (name, a), b in zip(tensors(x).items(), tensors(y).values(), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b), name


def arrays(x: Trajectory, **changes: object) -> dict[str, np.ndarray]:
    """As a user's own program would hold them; a change to None leaves an array out."""
    held = {name: value.numpy() for name, value in tensors(x).items() if name != "mask"} | changes
    return {name: value for name, value in held.items() if value is not None}


def write_npz(path: Path, **held: np.ndarray) -> Path:
    np.savez(path, **held)
    return path


def write_h5(path: Path, **held: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in held.items():
            file[name] = value
    return path


def write_split(path: Path, **held: np.ndarray) -> Path:
    return write_h5(path, **{f"train/{name}": value for name, value in held.items()})


FORMATS = {"own.npz": write_npz, "own.h5": write_h5, "own.hdf5": write_h5, "split.h5": write_split}
over_formats = pytest.mark.parametrize("name", FORMATS)
over_root_formats = pytest.mark.parametrize("name", ["own.npz", "own.h5"])


def says(kind: type[Exception], call, *parts: str) -> None:
    """The call is refused in one line that holds every part, in order."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


GOOD = arrays(make())


def write_blocks(sink: TrajectoryWriter, x: Trajectory, blocks: list[tuple[int, int, int, int]]) -> None:
    for row, rows, first, points in blocks:
        t = slice(first, first + points)
        sink.write(slice(row, row + rows), first, PhaseState(x.q[row : row + rows, t], x.p[row : row + rows, t]))


WHOLE = [(0, 2, 0, 4), (0, 2, 4, 4), (0, 2, 8, 2), (2, 3, 0, 10)]


def writer(path: Path, x: Trajectory, **settings: object) -> TrajectoryWriter:
    return TrajectoryWriter(path, x.times, x.bodies, {"method": "yoshida4", "substeps": 4}, **settings)
