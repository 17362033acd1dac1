"""This module finds the steps across which a body does not arrive where its momentum, or its own path, leads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lieham.data.check.motion import Motion

REACH = 3
"""The number of steps on either side that tell what a step was expected to be."""
RARE = 8.0
"""A step is broken if it misses its end by this many robust standard deviations, and by more than its own error."""
FEW = 12
"""Of fewer steps a few broken ones may be half, so that other trajectories have to tell what is usual."""
MOST = 0.4
"""Where more than this share of all steps is broken, it is not the steps that are wrong."""


@dataclass(frozen=True)
class Steps:
    """These are the steps of every body, and those that are broken.

    Args:
        miss: displacement less the expected one (k, time − 1, n, d).
        expected: the expected displacement, like `miss`.
        size: the length that a miss of sound data does not exceed (k, time − 1, n).
        broken: True where it is exceeded (k, time − 1, n).
        still: True where q is exactly the same at both ends, though the body moves (k, time − 1, n).
    """

    miss: np.ndarray
    expected: np.ndarray
    size: np.ndarray
    broken: np.ndarray
    still: np.ndarray


def measure(motion: Motion, own_path: bool) -> Steps:
    """Compare every step with what is expected of it.

    Args:
        motion: the motion, of 4 points or more.
        own_path: True to expect the median speed of the steps beside it, False to expect ∫ p/m dt.
    """
    way = np.diff(motion.q, axis=1)
    expected, error = _by_neighbours(motion, way) if own_path else _by_momenta(motion)
    miss = way - expected
    length, real = np.linalg.norm(miss, axis=-1), motion.real[:, None]
    typical = np.median(length, axis=1, keepdims=True)
    if length.shape[1] < FEW:
        everywhere = np.median(length[real.repeat(length.shape[1], 1)])
        typical = np.minimum(typical, RARE * everywhere)
    reach = np.abs(motion.q).max((1, 3))[:, None]
    noise = np.minimum(motion.noise[0], RARE * np.median(motion.noise[0]))
    size = 1.5 * RARE * typical + error + 8 * motion.rounding * reach + 6 * noise
    usual = np.median(np.linalg.norm(way, axis=-1), axis=1, keepdims=True)
    still = (way == 0).all(-1) & (usual > 50 * motion.rounding * reach) & real
    still &= np.linalg.norm(expected, axis=-1) > 0.05 * usual
    return Steps(miss, expected, size, (length > size) & real, still)


def _by_momenta(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Return ∫ p/m dt over each step by the trapezoid rule, and what it may be wrong by.

    The difference from the rule of third order, taken many times, also covers an encounter within one step.
    """
    h, v = motion.steps[..., None, None], motion.v
    straight = h * (v[:, 1:] + v[:, :-1]) / 2
    turn = np.linalg.norm(np.diff(v, axis=1), axis=-1) * motion.steps[..., None]
    bend = np.abs(np.diff(turn, axis=1, prepend=turn[:, :1])) + np.abs(np.diff(turn, axis=1, append=turn[:, -1:]))
    jerk = np.linalg.norm(np.diff(v, n=2, axis=1), axis=-1) * motion.steps[:, 1:, None]
    jerk = np.maximum(np.pad(jerk, ((0, 0), (1, 0), (0, 0))), np.pad(jerk, ((0, 0), (0, 1), (0, 0))))
    return straight, _widest(np.maximum(jerk, bend), 1)


def _by_neighbours(motion: Motion, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the median speed of the steps beside each makes of it, and what it may be wrong by."""
    speed = way / motion.steps[..., None, None]
    padded = np.pad(speed, ((0, 0), (REACH, REACH), (0, 0), (0, 0)), constant_values=np.nan)
    around = np.delete(sliding_window_view(padded, 2 * REACH + 1, axis=1), REACH, axis=-1)
    usual = np.nanmedian(around, axis=-1)
    apart = np.linalg.norm(around - usual[..., None], axis=-2)
    spread = np.nanquantile(apart, 0.6, axis=-1)
    h = motion.steps[..., None]
    return h[..., None] * usual, 6 * h * spread


def _widest(x: np.ndarray, reach: int) -> np.ndarray:
    """Return the largest value within `reach` steps, (k, steps, n)."""
    padded = np.pad(x, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    return sliding_window_view(padded, 2 * reach + 1, axis=1).max(-1)
