"""The benchmark runner at its tiny size: what it writes, and that it goes on where it was."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize("name", ["springs", "laws", "transfer"])
def test_a_tiny_run_writes_results_and_resumes(name, tmp_path, capsys):
    path = tmp_path / "results.json"
    arguments = [name, "--size", "tiny", "--json", str(path)]
    assert main(arguments) == 0
    assert " lieham " in capsys.readouterr().out
    content = json.loads(path.read_text())
    trained = [x for x in content["results"] if x["model"] == "lieham"]
    assert trained and {"law", "model", "n_train", "seed", "seconds"} <= set(trained[0])
    assert content["machine"]
    assert main(arguments) == 0
    assert json.loads(path.read_text())["results"] == content["results"], "a second call trains nothing"
