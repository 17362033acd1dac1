"""Fixtures that several directories share."""

from __future__ import annotations

import pytest

from lieham.optim import lbfgs


@pytest.fixture(scope="module")
def short_chunks():
    """Runs of few iterations have several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lbfgs, "REFINE_CHUNK", 8)
        yield


@pytest.fixture
def full_chunks(monkeypatch):
    """What everybody else has."""
    monkeypatch.setattr(lbfgs, "REFINE_CHUNK", 50)
