"""The benchmark runner at its tiny size: what it writes, and that it goes on where it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS, main
from benchmarks.engine import runs
from benchmarks.engine.records import Records, load
from benchmarks.registry import ALL, FOLDER, STUDIES
from lieham.errors import FileError
from tests.benchmarks.helpers import tiny

TIMES = ("seconds", "date")


def untimed(results: list[dict]) -> list[dict]:
    return [{k: v for k, v in x.items() if k not in TIMES} for x in results]


@pytest.mark.parametrize("name", STUDIES)
def test_a_tiny_run_writes_results_and_resumes(name, tmp_path, capsys):
    path = tmp_path / "results.json"
    content = tiny(name, path)
    printed = capsys.readouterr().out
    own = {"ablation": "default", "digits": "T(2)", "qm9": "SE(3)"}.get(name, "lieham")
    assert f" {own} " in printed
    trained = [x for x in content["results"] if x["model"] == own]
    score = {"egnn": "mse_mean", "digits": "error", "qm9": "turned"}.get(name, "mse_5step_mean")
    assert trained and {"model", "n_train", "seed", "seconds", score} <= set(trained[0])
    assert name in ("digits", "qm9") or "law" in trained[0]
    assert {"cpu", "cores", "threads", "python", "torch"} <= set(content["machine"])
    assert {"commit", "dirty", "date", "machine", "key", "settings"} <= set(trained[0])
    assert tiny(name, path)["results"] == content["results"], "a second call trains nothing"
    capsys.readouterr()
    assert main(["table", str(path)]) == 0
    assert capsys.readouterr().out == printed
    if name in ("digits", "qm9"):
        assert main(["plot", str(path)]) == 0
        assert all(Path(image).stat().st_size for image in capsys.readouterr().out.split())


def test_an_interrupted_run_goes_on_to_the_same_results(springs, tmp_path, monkeypatch):
    path, fit = tmp_path / "results.json", runs.fit

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "fit", interrupted)
    assert main(["springs", "--size", "tiny", "--json", str(path)]) == 130
    assert [x["n_train"] for x in load(path)["results"]] == [0, 0, 0, 0], "the untrained baselines are there already"
    monkeypatch.setattr(runs, "fit", fit)
    assert untimed(tiny("springs", path)["results"]) == untimed(springs["results"])


def test_fresh_drops_what_the_file_holds(tmp_path):
    path = tmp_path / "results.json"
    measured = []
    for fresh in (False, False, True):
        records = Records(path, "springs", "tiny", fresh)
        records.once({"seed": 0}, lambda: measured.append(1) or {"seconds": 0.0})
    assert len(measured) == 2
    records.once({"seed": 1}, lambda: {"seconds": 0.0})
    assert len(Records(path, "springs", "tiny").results) == 2
    with pytest.raises(FileError, match="laws"):
        Records(path, "laws", "tiny")


def test_the_registry_is_what_the_folders_hold():
    for folder in ("studies", "scripts"):
        found = {path.stem for path in (FOLDER / folder).glob("*.py")} - {"__init__"}
        assert found == {x.name for x in ALL if x.folder == folder}
    for study in STUDIES.values():
        assert {"tiny", "quick", "full"} == set(study.module.SIZES)
    assert all(x.summary for x in ALL)


@pytest.mark.parametrize("arguments", [("-m", "benchmarks", "tuning"), ("benchmarks/scripts/tuning.py",)])
def test_a_script_runs_by_its_name_and_by_its_file(arguments):
    small = ["--laws", "springs", "--models", "FC", "--windows", "2", "--tests", "2", "--steps", "1", "--refine", "1"]
    command = [sys.executable, *arguments, *small]
    said = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1].startswith("| FC ")


def test_the_help_names_everything(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n{name} " in said for name in (*(x.name for x in ALL), *COMMANDS))
