"""This module cuts trajectories into windows, short pieces that are numbered and sampled."""

from __future__ import annotations

import torch

from lieham.errors import expected
from lieham.state import Trajectory
from lieham.typing import Int, Tensor


class Windows:
    """A numbered view that holds every piece of `length` points of a batch of trajectories.

    Sampling gathers all windows at once, without a loop.

    Args:
        trajectory: trajectories with q and p of shape (k, time, n, d).
        length: the number of points in a window, from 2 to time.
        split: the name of the split that they are, for the message of an error.

    Raises:
        InputError: the trajectories are shorter than a window, or have no batch axis.
    """

    def __init__(self, trajectory: Trajectory, length: int, split: str = "") -> None:
        if trajectory.q.ndim != 4:
            raise expected("q", "of shape (trajectories, time, n, d)", tuple(trajectory.q.shape))
        points = trajectory.times.shape[-1]
        if points < 2:
            raise expected("trajectories", "at least 2 points long where windows are cut", points)
        if not 2 <= length <= points:
            where = f" in {split}" if split else ""
            got = _with_remedy(length, points, split)
            raise expected("window", f"between 2 and the {points} points of a trajectory{where}", got)
        self.trajectory, self.length = trajectory, length
        self.starts = points - length + 1

    def __len__(self) -> int:
        return len(self.trajectory) * self.starts

    def __getitem__(self, index: Int[Tensor, " batch"]) -> Trajectory:
        """Return the windows of these numbers. Window i begins at time index i % starts of trajectory i // starts."""
        x = self.trajectory
        index = index.to(x.q.device)
        row = index // self.starts
        place = (row[:, None], (index % self.starts)[:, None] + torch.arange(self.length, device=index.device))
        return Trajectory(x.times[place], x.q[place], x.p[place], x.bodies.map(lambda y: y[row]))

    def sample(self, count: int, generator: torch.Generator) -> Trajectory:
        """Draw `count` windows, uniformly with replacement; the draw depends on the generator's state alone."""
        return self[torch.randint(len(self), (count,), generator=generator)]

    def all(self) -> Trajectory:
        """Return all windows in order."""
        return self[torch.arange(len(self))]


def _with_remedy(length: int, points: int, split: str) -> str:
    """Return the length that was asked for, with what mends it where the trajectories are too short."""
    if length <= points:
        return f"{length}"
    shorter = f"take window={points} (--train.window {points})"
    shares = ", or leave val without a share (split=(1, 0, 0), --split 1,0,0)" if split == "val" else ""
    return f"{length}: {shorter}{shares}"
