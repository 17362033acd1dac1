"""This module says when torch's threads wait for each other, because other programs keep the cores busy."""

from __future__ import annotations

import os

import torch


def waiting() -> str:
    """Return a sentence with a remedy where torch has more threads than there are idle cores, and "" otherwise.

    Torch's threads meet after every operation, so one without a core of its own delays them all. Nothing is measured:
    the system counts the programs that ran in the last minute. Where it does not, the answer is "".
    """
    threads, cores, load = torch.get_num_threads(), os.cpu_count() or 1, load_of_system()
    if threads == 1 or load < 0.5 or threads + load <= cores + 0.5:
        return ""
    return (
        f"other programs keep {load:.1f} of {cores} cores busy, so torch's {threads} threads wait for each other: "
        "OMP_NUM_THREADS=1 is faster"
    )


def load_of_system() -> float:
    """Return how many programs ran at once in the last minute on average, or 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # not on Windows
        return 0.0
