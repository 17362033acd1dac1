"""What posing a regression costs, counted before it is posed: the numbers that its derivatives take."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lieham.dynamics.dictionary import Dictionary
from lieham.regression.interpolant import LEAST_RESOLVED, MOST_POINTS, NODES, AnyWindows, rows_of, thinned
from lieham.state import PhaseState, Trajectory


class _Counter(TorchDispatchMode):
    """Counts the numbers that all operations within it compute."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.numbers += sum(x.numel() for x in (out if isinstance(out, (tuple, list)) else [out]) if torch.is_tensor(x))
        return out


@torch.no_grad()
def numbers_for_a_window(dictionary: Dictionary, windows: Trajectory) -> int:
    """Return how many numbers are computed to pose the equations of one window of at most `MOST_POINTS` points.

    The functions are evaluated once, at one state, which counts triples of bodies where the lift sees them. They are
    then needed at the nodes of every step, along every coordinate. The count is the same on every machine, so a choice
    that is made by it is too.

    Args:
        dictionary: the functions.
        windows: the windows, of which the first state is taken.
    """
    first = windows[:1]
    with _Counter() as counter:
        dictionary.evaluate(PhaseState(first.q[:, :1], first.p[:, :1]), first.bodies.over_time())
    n, d = windows.q.shape[-2:]
    nodes = len(NODES) * min(windows.n_steps, MOST_POINTS - 1) if windows.n_steps else 1
    return counter.numbers * nodes * n * d


def affordable(windows: AnyWindows, each: int, most: float) -> AnyWindows | None:
    """Return all windows, or evenly spaced ones where they cost more than `most`; None where too few would be left.

    Args:
        windows: windows, (b, time, n, d).
        each: what one of them costs, or each part of at most `MOST_POINTS` points of it.
        most: the most that all may cost.
    """
    parts = max(1, -(-windows.n_steps // (MOST_POINTS - 1)))
    count = int(most / (each * parts))
    if count < LEAST_RESOLVED:
        return None
    return thinned(windows, rows_of(windows) * count)
