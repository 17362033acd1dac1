"""This module cuts trajectories into train, val and test so that every split holds windows, where there are enough."""

from __future__ import annotations

from itertools import pairwise

import torch

from lieham.errors import expected
from lieham.state import Trajectory

SHARES = (0.8, 0.1, 0.1)
WINDOW = 5
"""Splits hold windows of this many points, which is also the default of `fit`."""
LEAST_TRAIN = 0.5
"""Val and test are not enlarged so far that less than this share of the points is left for train."""

Shares = tuple[float, float, float]
Parts = tuple[Trajectory | None, Trajectory | None, Trajectory | None]


def shares_of(text: str) -> Shares | None:
    """Return the shares that a text such as "0.8,0.2,0" gives, or None for an empty one.

    Args:
        text: three numbers with commas between them.

    Raises:
        InputError: the text holds something else.

    Example:
        >>> shares_of("0.8,0.2,0")
        (0.8, 0.2, 0.0)
    """
    if not text:
        return None
    try:
        train, val, test = (float(x) for x in text.strip("[]() ").split(","))
    except ValueError as error:
        raise expected("split", "three shares such as 0.8,0.1,0.1", repr(text)) from error
    return check_shares((train, val, test))


def check_shares(split: Shares) -> Shares:
    """Return the shares of train, val and test; raise InputError unless they sum to 1 and the first is positive."""
    if len(split) != 3 or not min(split) >= 0 or not split[0] > 0 or not abs(sum(split) - 1) <= 1e-6:
        raise expected("split", "three shares that sum to 1, the first positive", split)
    return split


def divided(x: Trajectory, shares: Shares, window: int, seed: int) -> tuple[Parts, str]:
    """Cut trajectories into train, val and test.

    Three trajectories and more are shared out whole. Fewer are cut along time into contiguous pieces of at least
    `window` points. Where the points do not suffice for all of them, there is no test, and then no val. Two
    trajectories that are too short to be cut become train and val.

    Args:
        x: trajectories, (k, time, n, d).
        shares: the shares of train, val and test.
        window: the number of points of the windows that every split is to hold.
        seed: the seed of the order in which whole trajectories are shared out.

    Returns:
        The three parts, None where there is none, and the words for `Provenance.split`.

    Raises:
        InputError: the trajectories are fewer than the splits that have a share.
    """
    points = x.times.shape[-1]
    if len(x) < 3:
        sizes = _sizes_in_time(points, shares, window)
        if len(x) == 1 or sizes[1] > 0 or shares[1] == 0 or points < window:
            cuts = _bounds(sizes)
            parts = [x.window(a, b - a) if b > a else None for a, b in pairwise(cuts)]
            return (parts[0], parts[1], parts[2]), "along time" + _without(shares, sizes)
    sizes = _whole(len(x), shares)
    order, cuts = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)), _bounds(sizes)
    parts = [x[order[a:b]] if b > a else None for a, b in pairwise(cuts)]
    return (parts[0], parts[1], parts[2]), "by trajectory" + _without(shares, sizes)


def _bounds(sizes: list[int]) -> list[int]:
    return [0, sizes[0], sizes[0] + sizes[1], sum(sizes)]


def _without(shares: Shares, sizes: list[int]) -> str:
    """Return ", without val and test", for those that have a share and got nothing."""
    names = ("train", "val", "test")
    lost = [name for name, share, size in zip(names, shares, sizes, strict=True) if share and not size]
    return f", without {' and '.join(lost)}" if lost else ""


def _sizes_in_time(points: int, shares: Shares, window: int) -> list[int]:
    """Return the points of train, val and test: as shared out, but at least `window`, or none."""
    val, test = (max(window, round(points * share)) if share > 0 else 0 for share in shares[1:])
    least = max(window, min(LEAST_TRAIN, shares[0]) * points - 1)
    for sizes in ([points - val - test, val, test], [points - val, val, 0]):
        if sizes[0] >= least:
            return sizes
    return [points, 0, 0]


def _whole(count: int, shares: Shares) -> list[int]:
    """Return the numbers of trajectories of train, val and test; each with a share gets at least one, if two can."""
    val, test = (max(1, round(count * share)) if share > 0 else 0 for share in shares[1:])
    if count == 2:
        val, test = 1, 0
    if count - val - test < 1:
        raise expected("split", "shares that leave at least 1 trajectory for training", f"{shares} of {count}")
    return [count - val - test, val, test]
