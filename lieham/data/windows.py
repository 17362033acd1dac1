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

    Raises:
        InputError: the trajectories are shorter than a window, or have no batch axis.
    """

    def __init__(self, trajectory: Trajectory, length: int) -> None:
        if trajectory.q.ndim != 4:
            raise expected("q", "of shape (trajectories, time, n, d)", tuple(trajectory.q.shape))
        points = trajectory.times.shape[-1]
        if not 2 <= length <= points:
            raise expected("window", f"between 2 and the {points} points of a trajectory", length)
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
