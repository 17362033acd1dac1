"""Checks of what a user asks of a law or of a collection."""

from __future__ import annotations

import math

from lieham.errors import InputError, check_count, expected


def check_sizes(sizes: dict[str, int]) -> None:
    """Raise InputError on a split of fewer than 0 trajectories, and when all are empty."""
    for split, size in sizes.items():
        check_count(f"n_{split}", size, 0)
    if not any(sizes.values()):
        raise InputError("n_train, n_val and n_test must not all be 0")


def check_positive(**settings: float) -> None:
    """Raise InputError unless each setting is finite and positive."""
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise expected(name, "finite and positive", value)
