"""Motions are fields as torchdiffeq calls them: functions of a time and of a tuple (q, p)."""

from __future__ import annotations

from lieham.integrate.base import Field, Progress
from lieham.integrate.grid import TimeGrid
from lieham.state import PhaseState
from lieham.typing import Tensor


class Course:
    """A motion is a field f(t, (q, p)) = (q̇, ṗ) of tuples, and reports how far the solver has come."""

    def __init__(self, field: Field, grid: TimeGrid, progress: Progress | None) -> None:
        self.field, self.grid, self.progress = grid.prepared(field), grid, progress
        self.time, self.done = grid.times[..., 0], 0

    def __call__(self, t: Tensor, z: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        q, p = self.field(t, PhaseState(*z))
        self.grid.check_derivative(q, p)
        return q, p

    def reached(self, done: int) -> None:
        """Report the output times up to number `done` that were not reported yet."""
        while self.done < done:
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, len(self.grid))


class WholeMotion:
    """This motion covers all times as torchdiffeq calls it, f(s, (q, p)) at t = t_0 + s.

    torchdiffeq rounds the times that it passes to the dtype of the state, so they count from the first one.
    """

    def __init__(self, motion: Course) -> None:
        self.motion, self.begin = motion, motion.grid.times[0]
        self.elapsed = motion.grid.times - self.begin

    def __call__(self, s: Tensor, z: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return self.motion(s.double() + self.begin, z)

    def callback_step(self, s: Tensor, z: object, h: object) -> None:
        """Note where a step begins; torchdiffeq calls this."""
        motion, times = self.motion, self.elapsed
        motion.time = s.to(times) + self.begin
        if motion.progress is not None:
            motion.reached(int(((times[1:] - s.to(times)) * times[1].sign() <= 0).sum()))


class IntervalMotion:
    """This motion covers one interval in s ∈ [0, 1], where t = t_0 + s h and dz/ds = h f(t_0 + s h, z)."""

    def __init__(self, motion: Course, t: Tensor, h: float | Tensor) -> None:
        self.motion, self.t, self.h = motion, t, h

    def __call__(self, s: Tensor, z: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        q, p = self.motion(self.t + s * self.h, z)
        return q * self.h, p * self.h

    def callback_step(self, s: Tensor, z: object, h: object) -> None:
        """Note where a step begins; torchdiffeq calls this."""
        self.motion.time = self.t + s * self.h
