"""The report of conservation: as JSON, as a table, and as a plot."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from lieham.conservation.charges import Conservation
from lieham.conservation.drift import conservation
from lieham.errors import InputError
from lieham.forecasting import Forecast
from lieham.integrate import make_integrator
from lieham.models import HLieConv
from tests.conservation.rollouts import PLANE, initial, rollout


@pytest.fixture(scope="module")
def report() -> Conservation:
    return conservation(rollout("SE(2)"))


def test_the_summary_is_json(report):
    summary = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert summary["method"] == "yoshida4" and summary["dtype"] == "float64"
    assert [row["name"] for row in summary["charges"]] == PLANE
    for row in summary["charges"]:
        assert row == report[row["name"]].as_dict() | asdict(report.certificate(row["name"]))
        assert 0 <= row["final_drift"] <= row["median_drift"] <= row["max_drift"] or row["name"] == "L"


def test_the_text_is_one_row_a_charge(report):
    head, *rows, precision = str(report).splitlines()
    assert all(word in head for word in ("max drift", "growth", "model", "integrator", "blame"))
    assert precision == "precision: round-off is 2.2e-16"
    assert [row.split()[0] for row in rows] == PLANE
    assert rows[-1].split()[4:] == ["yes", "bounds", "H", "integrator"]
    assert rows[0].split()[3:] == ["none", "yes", "keeps", "linear", "-"]
    assert rows[0].split()[1] == f"{report['P_x'].drift.max().item():.1e}"


def test_charges_by_name(report):
    assert report["L_cm"] is report.charges[3]
    assert report.largest("L") == max(report[name].drift.max().item() for name in ("L", "L_cm"))
    for call in (lambda: report["Q"], lambda: report.largest("Q")):
        with pytest.raises(InputError, match=r"charge must be one of P_x, P_y, L, L_cm, K_x, K_y, H, got 'Q'"):
            call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_off_is_that_of_the_precision(dtype):
    start, model = initial().to(dtype=dtype), HLieConv("SE(2)", 1, width=8, dtype=dtype)
    made = conservation(Forecast(start, model, make_integrator("yoshida4"), {}))
    assert made.round_off == torch.finfo(dtype).eps


def test_the_plot_is_a_png(report, tmp_path):
    path = report.plot(tmp_path / "new" / "drift.png")
    assert path == tmp_path / "new" / "drift.png"
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 10_000
    assert [x.name for x in path.parent.iterdir()] == ["drift.png"]
