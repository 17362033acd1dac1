"""The audit's report as JSON and as a table, and the command that prints it."""

from __future__ import annotations

import json

import pytest
import torch

import lieham
from lieham._support.report import Report
from lieham.auditing import VERDICTS, Audit, AuditConfig, assert_sound, audit
from lieham.errors import InputError
from lieham.models import save_model
from tests.auditing.helpers import FEW
from tests.helpers.cases import make_model
from tests.helpers.faults import FAULTS, pair_potential


def test_the_report_is_json_and_a_table():
    made = audit(pair_potential, "SE(3)", **FEW)
    told = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert told["sound"] is True
    for check in told["checks"]:
        assert {"name", "verdict", "worst", "tolerance"} <= check.keys() and check["verdict"] in VERDICTS
    worst = next(check for check in told["checks"] if check["name"] == "invariance")["input"]
    assert torch.tensor(worst["q"]).shape == (5, 3) and torch.tensor(worst["move"]).shape == (3, 3)
    lines = str(made).splitlines()
    assert lines[0] == "audit of pair_potential under SE(3)" and lines[-1] == "sound"
    with pytest.raises(KeyError, match="check must be one of determinism, "):
        made["magic"]


def test_the_figure_of_an_audit_is_a_png_with_a_row_a_check(tmp_path):
    made = audit(FAULTS["absolute position"][0], "SE(3)", **FEW)
    path = made.plot(tmp_path / "new" / "audit.png")
    assert path == tmp_path / "new" / "audit.png" and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    few = Audit(made.subject, made.checks[:3], {})
    less = few.plot(tmp_path / "few.png")
    assert _height(path) > 1.5 * _height(less)


def _height(path) -> int:
    """Of a PNG, in pixels: bytes 20 to 24."""
    return int.from_bytes(path.read_bytes()[20:24], "big")


def test_a_report_without_a_figure_says_so(tmp_path):
    class Plain(Report):
        def as_dict(self):
            return {"found": 1}

        def __str__(self):
            return "found: 1"

    with pytest.raises(
        InputError, match=r"report must be one with a figure to be drawn, got a Plain: print it or take"
    ):
        Plain().plot(tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []
    for kind in (Audit, lieham.Conservation):
        assert issubclass(kind, Report) and kind.plot is not Report.plot and kind.__str__ is not Report.__str__
    with pytest.raises(TypeError, match="abstract"):
        Report()


def test_a_setting_that_an_audit_does_not_have_is_named():
    with pytest.raises(InputError, match="setting must be one of kind, moves, n_bodies, count, length, dtype, batched"):
        audit(pair_potential, "SE(3)", moves_count=3)
    config = AuditConfig(count=20, n_bodies=3)
    assert (
        audit(pair_potential, "SE(3)", config=config).as_dict()
        == audit(pair_potential, "SE(3)", config=AuditConfig(n_bodies=3), count=20).as_dict()
    )


def test_the_same_seed_gives_the_same_audit():
    a, b, c = (audit(pair_potential, "SE(3)", count=50, seed=seed).as_dict() for seed in (0, 0, 1))
    assert a == b and a != c


def test_the_helper_for_tests_raises_with_the_table():
    with pytest.raises(AssertionError, match=r"(?s)audit of absolute_position under SE\(3\).*broken: invariance"):
        assert_sound(FAULTS["absolute position"][0], "SE(3)", **FEW)


def test_a_trained_file_and_a_function_on_the_command_line(tmp_path, monkeypatch, capsys):
    from lieham.cli import main

    monkeypatch.chdir(tmp_path)
    save_model(make_model("SE(2) gated"), tmp_path / "m.safetensors")
    assert main(["audit", "m.safetensors", "--count", "50"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "sound"
    assert main(["audit", "m.safetensors", "--group", "R*(2)", "--count", "50", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["sound"]
    assert main(["audit", "tests.helpers.faults:absolute_position", "--group", "SE(3)", "--count", "50"]) == 1
    assert "invariance" in capsys.readouterr().out.splitlines()[-1]
    assert (
        main(["audit", "tests.helpers.faults:pair_force", "--kind", "force", "--group", "SE(3)", "--count", "50"]) == 0
    )
    for target, message in (
        ("nowhere:f", "target must be a run, a model file or module:callable, got nowhere:f"),
        (
            "tests.helpers.faults:nothing",
            "target must be a run, a model file or module:callable, got tests.helpers.faults:nothing",
        ),
        ("missing", "model must be an existing file or folder"),
    ):
        assert main(["audit", target, "--group", "SE(3)"]) == 2
        assert message.split(",")[0] in capsys.readouterr().err
