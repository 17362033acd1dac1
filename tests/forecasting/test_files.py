"""Forecasts on disk hold what is returned, and are written while they run."""

from __future__ import annotations

import pytest
import torch

from lieham.data import read_forecast
from lieham.errors import FileError
from lieham.forecasting import batches, forecast
from tests.forecasting.helpers import INITIAL, MODEL, assert_same
from tests.helpers.refusals import says


@pytest.mark.parametrize("batch, steps", [(256, 5), (2, 7), (3, 4), (5, 8)])
def test_the_file_holds_what_is_returned(batch, steps, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 4)  # full chunks, a rest, a rest of one
    rollout = forecast(MODEL, INITIAL, steps, batch=batch, out=tmp_path / "new" / "f.h5")
    stored, attributes = read_forecast(tmp_path / "new" / "f.h5")
    assert_same(stored, rollout.trajectory)
    assert attributes == {k: v for k, v in rollout.attributes.items() if k != "seconds"}
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["f.h5"]


def test_the_file_is_written_while_running(tmp_path, monkeypatch):
    """Stopped in the second batch: all of the first is there, and of the second what was flushed."""
    monkeypatch.setattr(batches, "CHUNK", 4)
    out, seen = tmp_path / "f.h5", {}

    def progress(done: int, total: int) -> None:
        assert total == 20 and not out.exists()
        seen[done] = (tmp_path / "f.h5.part").stat().st_size
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forecast(MODEL, INITIAL, 10, batch=3, out=out, progress=progress)
    assert list(seen) == list(range(1, 18))
    assert not out.exists()
    stored, _ = read_forecast(tmp_path / "f.h5.part")
    whole = forecast(MODEL, INITIAL, 10, batch=3).trajectory
    # 11 times of the first batch, 4 of the second; together as far as all of them got.
    assert stored.q.shape == (5, 4, 3, 2)
    assert torch.equal(stored.q, whole.q[:, :4]) and torch.equal(stored.p, whole.p[:, :4])


def test_an_old_file_is_refused_before_any_work(tmp_path):
    out = tmp_path / "f.h5"
    out.write_text("mine")
    steps = []
    says(
        FileError, lambda: forecast(MODEL, INITIAL, 3, out=out, progress=lambda *x: steps.append(x)),
        "must be a new one", str(out),
    )  # fmt: skip
    assert steps == [] and out.read_text() == "mine" and [x.name for x in tmp_path.iterdir()] == ["f.h5"]
    rollout = forecast(MODEL, INITIAL, 3, out=out, overwrite=True)
    assert_same(read_forecast(out)[0], rollout.trajectory)
