"""The benchmark runner at its tiny size: what it writes, and that it goes on where it was."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize("name", ["springs", "laws", "transfer"])
def test_a_tiny_run_writes_results_and_resumes(name, tmp_path, capsys, monkeypatch):
    path = tmp_path / "results.json"
    arguments = ["benchmarks", name, "--size", "tiny", "--json", str(path)]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    assert "| lieham" in capsys.readouterr().out
    content = json.loads(path.read_text())
    trained = [x for x in content["results"] if x["model"] == "lieham"]
    assert trained and {"law", "model", "n_train", "seed", "seconds"} <= set(trained[0])
    assert content["machine"]
    before = path.read_text()
    main()
    assert json.loads(path.read_text())["results"] == json.loads(before)["results"]
