"""This module chooses the output times of a forecast, and the stored states from which it begins."""

from __future__ import annotations

from math import isfinite

import torch

from lieham.errors import InputError, expected
from lieham.typing import Float, Int, Tensor

SAME = 1e-9
"""An instant that is this share of a step from a stored time, or a few units of round-off, counts as that time."""
WHOLE = 1e-6
"""A number of steps to `until` that is this close to the next integer counts as that integer."""


def output_width(times: Float[Tensor, "batch time"], dt: float | None) -> Float[Tensor, "batch 1"]:
    """Return the time between outputs: `dt`, or each trajectory's own first step.

    Args:
        times: stored times, (batch, time).
        dt: the time between outputs, negative for backwards; None for the first step.

    Raises:
        InputError: dt is 0 or not finite, or is None where a single time is stored.
    """
    if dt is None:
        if times.shape[-1] == 1:
            raise InputError("dt must be given when the initial trajectories hold a single time, got None")
        return times[:, 1:2] - times[:, :1]
    if not (isfinite(dt) and dt != 0):
        raise expected("dt", "a finite time step other than 0", dt)
    return torch.full_like(times[:, :1], dt)


def stored_before(
    times: Float[Tensor, "batch time"], start: float
) -> tuple[Int[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Return the index of the last stored time that is not after `start`, and how long before `start` it is.

    Args:
        times: stored times, (batch, time), in float64.
        start: the instant; where it agrees with a stored time to round-off, that one is taken and the gap is 0.

    Raises:
        InputError: the instant is outside the stored times of a trajectory.
    """
    if not isfinite(start):
        raise expected("start", "a finite time", start)
    steps = times.diff(dim=-1).abs().amin(-1, keepdim=True) if times.shape[-1] > 1 else times.new_zeros(len(times), 1)
    close = SAME * steps + 4 * torch.finfo(times.dtype).eps * times.abs()
    outside = (start < times[:, 0] - close[:, 0]) | (start > times[:, -1] + close[:, -1])
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        first, last = times[row, 0].item(), times[row, -1].item()
        raise expected(
            "start", f"from {first:.10g} to {last:.10g}, the stored times of trajectory {row}", f"{start:.10g}"
        )
    index = ((times <= start + close).sum(-1) - 1).clamp(min=0)
    found = times.gather(-1, index[:, None])
    gap = start - found
    return index, torch.where(gap.abs() <= close.gather(-1, index[:, None]), torch.zeros_like(gap), gap)[:, 0]


def steps_until(begin: Float[Tensor, "batch 1"], width: Float[Tensor, "batch 1"], until: float) -> int:
    """Return the number of output times after the first, of which the last is at `until` or less than a step before.

    Args:
        begin: the first output times, (batch, 1).
        width: the time between outputs, (batch, 1).
        until: the end of the forecast.

    Raises:
        InputError: there is no step until then, or trajectories have different numbers of steps until then.
    """
    if not isfinite(until):
        raise expected("until", "a finite time", until)
    counts = ((until - begin) / width + WHOLE).floor()
    least, most = counts.min().item(), counts.max().item()
    if least < 1:
        row = int(counts[:, 0].argmin())
        first, step = begin[row, 0].item(), width[row, 0].item()
        after = "after" if step > 0 else "before"
        wanted = f"at least one step of {step:.6g} {after} the start, {first:.10g}"
        raise expected("until", wanted, f"{until:.10g}: the sign of dt tells the direction, and its size the step")
    if least != most:
        raise InputError(
            f"until must be the same number of steps away for all trajectories, got {least:.0f} to {most:.0f}: "
            "give start and dt, or steps"
        )
    return int(least)


def output_times(
    begin: Float[Tensor, "batch 1"], width: Float[Tensor, "batch 1"], steps: int
) -> Float[Tensor, "batch time"]:
    """Return t_0 + k h for k from 0 to `steps`, (batch, steps + 1)."""
    return begin + width * torch.arange(steps + 1, dtype=begin.dtype, device=begin.device)


def lead_in(
    stored: Float[Tensor, "batch 1"], gap: Float[Tensor, "batch 1"], width: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch time"]:
    """Return times that lead from stored times over `gap`, in equal steps that are no longer than `width`."""
    parts = int((gap / width.abs()).max().ceil().clamp(min=1))
    return stored + gap * torch.linspace(0, 1, parts + 1, dtype=gap.dtype, device=gap.device)


def check_end(steps: int | None, until: float | None) -> None:
    """Raise InputError unless one of `steps` and `until` says where a motion ends."""
    if steps is None and until is None:
        raise expected("steps", "given, or until", "neither")
    if steps is not None and until is not None:
        raise InputError(f"until must not be given beside steps, got until={until:g} and steps={steps}")
