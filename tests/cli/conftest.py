"""Fixtures that several files here share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import SIZES, TINY, lieham
from tests.helpers.refusals import snapshot


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A folder with springs.h5 and the run r, trained on it, with a forecast."""
    folder = tmp_path_factory.mktemp("cli")
    assert lieham("generate", "springs", "--out", folder / "springs.h5", *SIZES) == 0
    assert lieham("train", "--data", folder / "springs.h5", "--run", folder / "r", *TINY) == 0
    assert lieham("forecast", folder / "r", "--steps", 5, "--count", 2) == 0
    return folder


@pytest.fixture
def place(done, tmp_path, monkeypatch) -> Path:
    """A copy of it to spoil, which is also the working directory."""
    for name, content in snapshot(done).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path
