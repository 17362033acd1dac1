"""Fixtures of audits."""

from __future__ import annotations

import pytest

from lieham.auditing import smoothness


@pytest.fixture
def few_lines(monkeypatch):
    """Jumps are sought along two lines in place of eight: four fifths of the time of a short audit goes there."""
    monkeypatch.setattr(smoothness, "LINES", 2)
