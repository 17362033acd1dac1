"""Where things are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
"""The repository: what a process apart puts on its path, to import `lieham` and `tests`."""
