"""Forecasts that are written while they run can be read after a failure and after a kill."""

from __future__ import annotations

import os
import subprocess
import sys

import h5py
import pytest
import torch

from lieham.data import Dataset, read_forecast, save
from lieham.errors import FileError
from tests.data.helpers import GOOD, WHOLE, assert_same, make, says, write_blocks, write_h5, writer
from tests.helpers.places import ROOT

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("c", [0, 2])
def test_a_forecast_written_block_by_block_comes_back_bit_for_bit(tmp_path, dtype, padded, c):
    x = make(5, 10, padded=padded, c=c).to(dtype=dtype)
    path = tmp_path / "deep" / "forecast.h5"
    with writer(path, x) as sink:
        write_blocks(sink, x, WHOLE)
        assert not path.exists()
    y, attributes = read_forecast(path)
    assert_same(x, y)
    assert attributes == {"method": "yoshida4", "substeps": 4}
    assert os.listdir(path.parent) == ["forecast.h5"]


CUTS = {
    "one block of two systems": (1, 2, 4),
    "two blocks of two systems": (2, 2, 8),
    "two whole systems": (3, 2, 10),
    "everything": (4, 5, 10),
}


@pytest.mark.parametrize("case", CUTS)
def test_an_error_on_the_way_leaves_what_was_written(tmp_path, case):
    blocks, systems, points = CUTS[case]
    x, path = make(5, 10, padded=True), tmp_path / "forecast.h5"
    with pytest.raises(KeyboardInterrupt), writer(path, x) as sink:
        write_blocks(sink, x, WHOLE[:blocks])
        raise KeyboardInterrupt
    assert not path.exists()
    y, attributes = read_forecast(tmp_path / "forecast.h5.part")
    assert_same(y, x[:systems].window(0, points))
    assert attributes["method"] == "yoshida4"


def test_systems_that_got_unequally_far_are_cut_to_the_shortest(tmp_path):
    x, path = make(5, 10), tmp_path / "forecast.h5"
    with pytest.raises(KeyboardInterrupt), writer(path, x) as sink:
        write_blocks(sink, x, [(0, 2, 0, 10), (2, 2, 0, 4), (4, 1, 0, 1)])
        raise KeyboardInterrupt
    assert_same(read_forecast(sink.partial)[0], x[:4].window(0, 4))


KILLED = """
import os, sys
from pathlib import Path
from tests.data.helpers import WHOLE, make, write_blocks, writer

x = make(5, 10, padded=True)
with writer(Path(sys.argv[1]), x) as sink:
    write_blocks(sink, x, WHOLE[: int(sys.argv[2])])
    os._exit(9)
"""


@pytest.mark.parametrize("blocks", [0, 2])
def test_a_forecast_is_readable_after_a_kill(tmp_path, blocks):
    path = tmp_path / "forecast.h5"
    command = [sys.executable, "-c", KILLED, str(path), str(blocks)]
    assert subprocess.run(command, cwd=ROOT).returncode == 9
    assert os.listdir(tmp_path) == ["forecast.h5.part"]
    partial = tmp_path / "forecast.h5.part"
    if blocks:
        assert_same(read_forecast(partial)[0], make(5, 10, padded=True)[:2].window(0, 8))
    else:
        says(FileError, lambda: read_forecast(partial), "must", str(partial))


def test_a_forecast_overwrites_nothing_unasked(tmp_path):
    x, path = make(5, 10), tmp_path / "forecast.h5"
    path.write_text("precious")
    says(FileError, lambda: writer(path, x), "must be a new one", str(path), "overwrite=True")
    with pytest.raises(KeyboardInterrupt), writer(path, x, overwrite=True):
        raise KeyboardInterrupt
    assert path.read_text() == "precious"
    with writer(path, x, overwrite=True) as sink:
        write_blocks(sink, x, WHOLE)
    assert_same(read_forecast(path)[0], x)


def test_files_that_are_no_forecast(tmp_path):
    path = save(Dataset(make()), tmp_path / "data.h5")
    says(FileError, lambda: read_forecast(path), "must be a forecast", str(path), "with train")
    says(FileError, lambda: read_forecast(write_h5(tmp_path / "a.h5", forecast=GOOD["q"])), "whole HDF5 file")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_group("forecast")
    says(FileError, lambda: read_forecast(tmp_path / "b.h5"), "whole HDF5 file", "written")
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "c.h5", make(5, 10)) as sink:
        write_blocks(sink, make(5, 10), [(0, 5, 0, 1)])
        raise KeyboardInterrupt
    says(FileError, lambda: read_forecast(sink.partial), "at least 2 times", "with 1")
