"""Windows: short pieces of trajectories, numbered and sampled."""

from __future__ import annotations

import torch

from lieham.errors import expected
from lieham.state import Trajectory
from lieham.typing import Int, Tensor


class Windows:
    """Every piece of `length` points of a batch of trajectories, numbered. Sampling gathers and does not loop.

    Args:
        trajectory: trajectories with q and p of shape (k, time, n, d).
        length: points in a window, from 2 to time.

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
        """The windows of these numbers. Window i is of trajectory i // starts, from time index i % starts on."""
        x = self.trajectory
        index = index.to(x.q.device)
        row = index // self.starts
        place = (row[:, None], (index % self.starts)[:, None] + torch.arange(self.length, device=index.device))
        return Trajectory(x.times[place], x.q[place], x.p[place], x.bodies.map(lambda y: y[row]))

    def sample(self, count: int, generator: torch.Generator) -> Trajectory:
        """Draw `count` windows, uniformly with replacement; the draw depends on the generator's state alone."""
        return self[torch.randint(len(self), (count,), generator=generator)]

    def all(self) -> Trajectory:
        """All windows in order."""
        return self[torch.arange(len(self))]
