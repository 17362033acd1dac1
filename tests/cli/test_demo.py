"""The demo runs from end to end."""

from __future__ import annotations

import json

import torch

from lieham import load_model
from tests.cli.helpers import PNG, lieham
from tests.helpers.refusals import snapshot


def test_the_demo_runs_from_end_to_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    run = tmp_path / "demo"
    assert lieham("demo", "--small", "--run", run) == 0
    text = capsys.readouterr().out
    for words in (
        "5-step MSE",
        "constant state",
        "free flight",
        "LieConv-T(2) (published)",
        "rollout MSE",
        "drift",
        "learned by ",
    ):
        assert words in text
    for stage in ("generating", "training", "forecast", "diagnostics"):
        assert f"  {stage} " in text
    assert sorted(snapshot(run)) == sorted([
        *("checkpoint.pt", "config.yaml", "data.h5", "figures.json", "forecast.h5", "log.jsonl"),
        "model.safetensors",
        *("plots/drift.png", "plots/errors.png", "plots/trajectories.png"),
    ])  # fmt: skip
    assert all(path.read_bytes().startswith(PNG) for path in (run / "plots").iterdir())
    assert load_model(run).group.name == "SE(2)"
    figures = json.loads((run / "figures.json").read_text())
    # 30 steps of an SE(2) model with Yoshida-4, in float64: round-off.
    assert figures["drift"]["P"] < 1e-13 and figures["drift"]["L_cm"] < 1e-13
    assert figures["mse_5step"]["exact solution"]["mean"] < figures["mse_5step"]["free flight"]["mean"]
    assert set(figures["mse_rollout"]) == {"10"}, "of the horizons, those that 30 steps reach"

    assert lieham("demo", "--small", "--run", run) == 2
    capsys.readouterr()
    monkeypatch.setattr("lieham.cli.demo_run._draw", lambda *_: None)  # once is enough
    assert lieham("demo", "--small", "--run", run, "--overwrite", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["mse_5step"] == figures["mse_5step"] and again["drift"] == figures["drift"]
    assert lieham("conservation", run) == 0 and lieham("train", "--resume", "--run", run) == 0
