"""Fixtures that several files here share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.molecules import drawn, rows_of, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "source", rows_of(drawn()))


@pytest.fixture
def places(folder: Path, tmp_path: Path) -> dict[str, Path]:
    return {"source": folder, "cache": tmp_path / "cache"}
