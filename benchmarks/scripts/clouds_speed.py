"""Speed and memory of the network on images and molecules, as ratios in one process.

`python -m benchmarks clouds_speed`. A training step (forward, backward, Adam) on 25 images of 784 points and on 100
molecules in 29 places (QM9 where it is installed, else random ones), beside two straightforward ones
(`tests/helpers/straightforward.py`), in which each cloud has its own neighbourhoods: a matrix for every pair, which
fits a small batch alone, and the PointConv trick with neighbours gathered cloud by cloud. Seconds are those of the
processor with one thread, of the clock with two. Then the memory of a step on 4 clouds, by the number of points (Linux
alone).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from lieham.data import PointClouds
from lieham.models import CloudModel
from lieham.nn import LieConv

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.data.clouds import apart, atoms, images
from benchmarks.engine.machine import machine, one_line
from benchmarks.engine.memory import measured
from benchmarks.engine.tables import markdown
from benchmarks.engine.timing import fastest
from tests.helpers import straightforward

FEW = 10
"""Of so many clouds one is given to what forms a matrix for each pair."""
POINTS = (98, 196, 392, 784, 1568, 3136)


@contextmanager
def convolved(by: straightforward.NearConvolution | None) -> Iterator[None]:
    """Every LieConv computed this way."""
    own = LieConv.forward
    if by is not None:
        LieConv.forward = lambda conv, pairs, values, kernel: by(conv, pairs, kernel, values)
    try:
        yield
    finally:
        LieConv.forward = own


def seconds(model: CloudModel, data: PointClouds, by: Callable | None, repeats: int) -> float:
    """Of a training step on `data`."""
    optimizer = torch.optim.Adam(model.train().parameters())

    def step() -> None:
        optimizer.zero_grad()
        model.loss(data).backward()
        optimizer.step()

    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    with convolved(by):
        return fastest(step, repeats, clock)


def speeds(threads: list[int], repeats: int) -> Iterator[list[str]]:
    """Rows of the first table."""
    for count in threads:
        torch.set_num_threads(count)
        for name, k, build in (("images, 784 points", 25, images), ("molecules, 29 atoms", 100, atoms)):
            model, data = build(k)
            model.calibrate(data)
            few = apart(data[: -(-k // FEW)])
            own = seconds(model, data, None, repeats)
            trick = seconds(model, apart(data), straightforward.near_gathered, repeats)
            matrices = seconds(model, few, straightforward.near_literal, 1) * k / len(few)
            yield [name, str(count), f"{own:.3f}", f"{k / own:.0f}", f"{trick / own:.1f}", f"{matrices / own:.0f}"]


def memories(points: list[int], dense: int) -> Iterator[list[str]]:
    """Rows of the second table."""
    for n in points:
        cases = [(most, grid) for most in (25, 0) for grid in (True, False)]
        yield [str(n), *(f"{measured(n, *case, 4):.0f}" if case[0] or n <= dense else "-" for case in cases)]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--points", type=int, nargs="*", default=POINTS, help="of the table of memory")
    parser.add_argument("--dense", type=int, default=784, help="most points of which all pairs are formed")
    given = parser.parse_args()
    head = ["clouds", "threads", "s/step", "clouds/s", "over the trick", "over the matrices"]
    print(markdown(head, list(speeds(given.threads, given.repeats))), end="\n\n", flush=True)
    head = ["points", "grid, MB", "ragged, MB", "grid, all pairs, MB", "ragged, all pairs, MB"]
    print(markdown(head, list(memories(given.points, given.dense))))
    print(f"\n{one_line(machine())}")


if __name__ == "__main__":
    main()
