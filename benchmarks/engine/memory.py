"""Memory of a training step on clouds, each size in a process of its own, since its high-water mark only rises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from lieham.data import PointClouds
from lieham.models import LieConvClassifier

ROOT = Path(__file__).parents[2]


def clouds(n: int, k: int, grid: bool) -> PointClouds:
    """`k` clouds of n points in the plane: a grid that all share, or ragged ones, of n, 3n/4, n, ... random points."""
    generator = torch.Generator().manual_seed(0)
    side = next(a for a in range(int(n**0.5), 0, -1) if n % a == 0)
    points = torch.cartesian_prod(torch.arange(side), torch.arange(n // side)).float()[None]
    features, targets, mask = torch.randn(k, n, 1, generator=generator), torch.arange(k) % 10, None
    if not grid:
        points = n**0.5 * torch.rand(k, n, 2, generator=generator)
        mask = torch.arange(n) < n - n // 4 * (torch.arange(k) % 2)[:, None]
    return PointClouds.of(points, features, targets, mask)


def highest() -> float:
    """High-water mark of this process in MB, by Linux's own count: `getrusage` gives a child its parent's."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return float(line.split()[1]) / 1e3


def peak(n: int, most: int, grid: bool, k: int) -> float:
    """MB by which the process grows in a forward and a backward pass, after one on few points."""
    model = LieConvClassifier("T(2)", 1, width=64, blocks=4, most=most, keep=0.5 if most else 1.0)
    model.loss(clouds(16, 2, grid)).backward()
    data = clouds(n, k, grid)
    before = highest()
    model.loss(data).backward()
    return highest() - before


def measured(n: int, most: int, grid: bool, k: int) -> float:
    """`peak` in a new process."""
    command = [sys.executable, "-m", "benchmarks.engine.memory", *map(str, (n, most, int(grid), k))]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(peak(*(f(x) for f, x in zip((int, int, lambda x: x == "1", int), sys.argv[1:], strict=True))))
