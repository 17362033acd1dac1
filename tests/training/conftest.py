"""Fixtures that several files here share."""

from __future__ import annotations

import pytest

from lieham.training import fit
from tests.helpers.training import QUICK, data, small_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: (folder, model, history)."""
    folder, model = tmp_path_factory.mktemp("training") / "whole", small_model()
    return folder, model, fit(model, data(), config=QUICK, run=folder)
