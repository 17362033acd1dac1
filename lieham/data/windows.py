"""This module cuts trajectories into windows, short pieces that are numbered, sampled and weighed body by body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lieham.errors import expected
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Int, Tensor

BLOCKS = 5
"""A trajectory is divided into so many blocks of time; windows of one block have the same `origin`."""
ROUND_OFF = 1e3
"""A body that moves by less than so many units of round-off from point to point tells nothing of its own size."""
DECADES = 2.0
"""Bodies whose masses and features lie in the same so many decades are of one kind, and share a size."""
ALIKE = 10.0
"""Within a kind, bodies that differ from it by less than this factor weigh the same: among them a fast one tells more
of the law than a slow one. The sizes of others differ by what lies beyond the factor."""
REST = 1e-2
"""The size is the median over time, which a close pass does not change, unless the body rests for most of the time:
where the median of the squares is below this share of their mean, the mean is taken."""


@dataclass(frozen=True)
class WindowBatch(Trajectory):
    """Windows with the size of every body's own motion, by which its errors are weighed, and with their origins.

    Args:
        times: as in `Trajectory`, (b, time).
        q: as in `Trajectory`.
        p: as in `Trajectory`.
        bodies: as in `Trajectory`.
        own: the changes of q and p of every body from point to point, in the usual size along its trajectory and
            relative to that of all bodies, (b, n) each.
        origin: numbers of the trajectory and the block of time from which each window was cut, (b,).
    """

    own: PhaseState
    origin: Int[Tensor, " b"]

    @property
    def sizes(self) -> PhaseState:
        return PhaseState(*(x[..., None, :, None] for x in self.own))

    def __getitem__(self, index: Any) -> WindowBatch:
        part = super().__getitem__(index)
        own = PhaseState(*(x[index] for x in self.own))
        return WindowBatch(part.times, part.q, part.p, part.bodies, own, self.origin[index], **part.labels)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> WindowBatch:
        moved = super().to(device, dtype)
        own = PhaseState(*(x.to(device=device, dtype=dtype) for x in self.own))
        return WindowBatch(moved.times, moved.q, moved.p, moved.bodies, own, self.origin.to(device), **moved.labels)

    def weighed(self, weight: Float[Tensor, "b n"]) -> WindowBatch:
        """Return the same windows, in which the squared errors of each body count `weight` times as much."""
        return replace(self, own=PhaseState(*(x / weight.sqrt().to(x) for x in self.own)))


def joined(parts: Sequence[WindowBatch]) -> WindowBatch:
    """Return the windows of several batches, of the same lengths, in one."""
    times, q, p, origin = (torch.cat([getattr(x, name) for x in parts]) for name in ("times", "q", "p", "origin"))
    bodies = Bodies(*(torch.cat([getattr(x.bodies, name) for x in parts]) for name in ("mass", "features", "mask")))
    own = PhaseState(*(torch.cat(x) for x in zip(*(x.own for x in parts), strict=True)))
    labels: dict[str, Any] = {}
    for name in parts[0].labels:
        each = [x.labels[name] for x in parts]
        labels[name] = None if any(x is None for x in each) else torch.cat(each)
    return WindowBatch(times, q, p, bodies, own, origin, **labels)


def batch_of(windows: Trajectory) -> WindowBatch:
    """Return windows as a batch: with sizes 1, and each with an origin of its own, where they have none yet."""
    if isinstance(windows, WindowBatch):
        return windows
    ones = torch.ones_like(windows.bodies.mass)
    fields = (windows.times, windows.q, windows.p, windows.bodies)
    return WindowBatch(
        *fields, PhaseState(ones, ones), torch.arange(len(windows), device=ones.device), **windows.labels
    )


def own_motion(x: Trajectory) -> PhaseState:
    """Return the usual changes of q and p of every kind of body from point to point, relative to those of all bodies.

    Where forces are known at the points, the size of p is that of the body's forces beyond the factor `ALIKE`.

    Bodies are of one kind where their masses and features are, within `DECADES`. A body whose motion differs from that
    of its kind by more than the factor `ALIKE` has a size of its own. A body that does not move, or by round-off alone,
    is given 1: nothing tells its size.

    Args:
        x: trajectories, (k, time, n, d).

    Returns:
        Sizes of q and p, (k, n) each.
    """
    if x.forces is not None:
        return PhaseState(torch.ones_like(x.bodies.mass), _own_forces(x.forces.double(), x.bodies.mask).to(x.q.dtype))
    kinds = _kinds(torch.cat([x.bodies.mass[..., None], x.bodies.features], -1).double())
    sizes = (_own(y.double(), x.bodies.mask, kinds, torch.finfo(y.dtype).eps).to(y.dtype) for y in x.states())
    return PhaseState(*sizes)


def _kinds(inputs: Float[Tensor, "k n c"]) -> Int[Tensor, "k n"]:
    """Return the number of the kind of every body, from its mass and features."""
    largest = inputs.abs().amax((0, 1)).clamp(min=1e-300)
    decades = ((inputs.abs() / largest).clamp(min=1e-30).log10() / DECADES).round()
    _, kinds = decades.flatten(0, 1).unique(dim=0, return_inverse=True)
    return kinds.view(inputs.shape[:2])


def _own(x: Float[Tensor, "k t n d"], mask: Tensor, kinds: Tensor, eps: float) -> Float[Tensor, "k n"]:
    each = x.diff(dim=1).square().mean(3)
    usual, mean = each.median(1).values, each.mean(1)
    squares = torch.where(usual > REST * mean, usual, mean)
    moves = (squares.sqrt() > ROUND_OFF * eps * x.abs().amax((1, 3))) & mask
    pooled = (squares * mask).sum() / mask.sum()
    moving = torch.bincount(kinds[moves], minlength=int(kinds.max()) + 1).clamp(min=1)
    of_kind = torch.bincount(kinds[moves], squares[moves], minlength=len(moving)).div(moving)[kinds]
    ratio = (squares / of_kind).sqrt()
    beyond = torch.where(ratio < 1, (ALIKE * ratio).clamp(max=1), (ratio / ALIKE).clamp(min=1))
    return torch.where(moves, (of_kind / pooled).sqrt() * beyond, torch.ones_like(squares))


def _own_forces(forces: Float[Tensor, "k t n d"], mask: Tensor) -> Float[Tensor, "k n"]:
    squares = forces.square().mean((1, 3))
    pooled = (squares * mask).sum() / mask.sum()
    ratio = (squares / pooled).sqrt()
    beyond = torch.where(ratio < 1, (ALIKE * ratio).clamp(max=1), (ratio / ALIKE).clamp(min=1))
    return torch.where(mask & (squares > 0), beyond, torch.ones_like(squares))


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
        least = 1 if trajectory.forces is not None else 2
        if points < least:
            raise expected("trajectories", "at least 2 points long where windows are cut", points)
        if not least <= length <= points:
            where = f" in {split}" if split else ""
            got = _with_remedy(length, points, split)
            raise expected("window", f"between 2 and the {points} points of a trajectory{where}", got)
        self.trajectory, self.length = trajectory, length
        self.starts = points - length + 1
        self.own = own_motion(trajectory)

    def __len__(self) -> int:
        return len(self.trajectory) * self.starts

    def __getitem__(self, index: Int[Tensor, " batch"]) -> WindowBatch:
        """Return the windows of these numbers. Window i begins at time index i % starts of trajectory i // starts."""
        x = self.trajectory
        index = index.to(x.q.device)
        row, start = index // self.starts, index % self.starts
        place = (row[:, None], start[:, None] + torch.arange(self.length, device=index.device))
        own = PhaseState(*(y[row] for y in self.own))
        origin = BLOCKS * row + BLOCKS * start // self.starts
        labels: dict[str, Any] = {name: None if y is None else y[place] for name, y in x.labels.items()}
        bodies = x.bodies.map(lambda y: y[row])
        return WindowBatch(x.times[place], x.q[place], x.p[place], bodies, own, origin, **labels)

    def sample(self, count: int, generator: torch.Generator) -> WindowBatch:
        """Draw `count` windows, uniformly with replacement; the draw depends on the generator's state alone."""
        return self[torch.randint(len(self), (count,), generator=generator)]

    def all(self) -> WindowBatch:
        """Return all windows in order."""
        return self[torch.arange(len(self))]


def _with_remedy(length: int, points: int, split: str) -> str:
    """Return the length that was asked for, with what mends it where the trajectories are too short."""
    if length <= points:
        return f"{length}"
    shorter = f"take window={points} (--train.window {points})"
    shares = ", or leave val without a share (split=(1, 0, 0), --split 1,0,0)" if split == "val" else ""
    return f"{length}: {shorter}{shares}"
