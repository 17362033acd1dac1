"""The machine and the commit that a figure was measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
CODE = ("lieham", "systems", "benchmarks")
PACKAGES = ("torch", "numpy", "scipy", "torchdiffeq")


def machine() -> dict:
    """Return the CPU, cores, threads and versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    } | {name: version(name) for name in PACKAGES}


def code() -> dict:
    """Return the commit (None outside a git checkout), and `dirty`: whether files of the code differ from it."""
    commit, changes = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--", *CODE)
    return {"commit": commit, "dirty": bool(changes)}


def now() -> str:
    """Return date and time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def one_line(given: dict) -> str:
    """Return the machine in a few words."""
    return f"{given['cpu']}, {given['cores']} cores, threads={given['threads']}, torch {given['torch']}"


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    for line in listed.read_text().splitlines() if listed.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
