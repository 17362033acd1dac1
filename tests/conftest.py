"""Fixtures that several directories share."""

from __future__ import annotations

import pytest
import torch

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


@pytest.fixture(autouse=True)
def gradients_stay_on():
    """Nothing that a test calls leaves torch in another mode, not even where it raises."""
    yield
    on = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    torch.set_grad_enabled(True)
    assert on, "gradients were left off"
