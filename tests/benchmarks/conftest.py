"""Fixtures that several files here share."""

from __future__ import annotations

import pytest

from tests.benchmarks.helpers import tiny


@pytest.fixture(scope="module")
def springs(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmarks") / "springs.json"
    return tiny("springs", path)
