"""Benchmarks at their tiny size."""

from __future__ import annotations

import json

from benchmarks.__main__ import main


def tiny(name: str, path, *more: str) -> dict:
    """The file that a tiny run writes."""
    assert main([name, "--size", "tiny", "--json", str(path), *more]) == 0
    return json.loads(path.read_text())
