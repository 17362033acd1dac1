"""How long a fast audit is."""

from __future__ import annotations

FEW = {"count": 100}
"""Moves of a fast test."""
