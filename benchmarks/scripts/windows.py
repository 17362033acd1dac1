"""µs per random window: `Windows.sample(200)` of 5 points from 100 trajectories of 500; at most 50 are allowed.

Run it with `python benchmarks/scripts/windows.py`; it exits with 1 when the median is above the limit.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import torch

from lieham.data import Windows
from systems import Springs

LIMIT = 50.0
COUNT, LENGTH, REPEATS = 200, 5, 300


def microseconds(windows: Windows, repeats: int = REPEATS) -> list[float]:
    """µs per window of each of `repeats` draws of COUNT windows, after ten that warm up."""
    generator = torch.Generator().manual_seed(0)
    taken = []
    for _ in range(10 + repeats):
        began = time.perf_counter()
        windows.sample(COUNT, generator)
        taken.append((time.perf_counter() - began) / COUNT * 1e6)
    return sorted(taken[10:])


def main(repeats: int = REPEATS) -> float:
    """Print the figure and return it."""
    data = Springs().generate(100, 0, 0)
    taken = microseconds(Windows(data.train, LENGTH), repeats)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {data}, {data.train.q.dtype}")
    print(
        f"{median(taken):.2f} µs per window of {LENGTH} points (median of {repeats} draws of {COUNT}; "
        f"fastest {taken[0]:.2f}, slowest {taken[-1]:.2f}; limit {LIMIT:g})"
    )
    return median(taken)


if __name__ == "__main__":
    sys.exit(main() > LIMIT)
