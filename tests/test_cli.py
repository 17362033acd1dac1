"""The command line: the whole way on tiny sizes, and every bad input in one sentence with exit code 2."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from lieham import load_model
from lieham._support.names import naming
from lieham.cli import main
from lieham.cli.completion import CHOICES
from lieham.cli.generate import Generate
from lieham.cli.main import COMMANDS, with_own_configs
from lieham.data import Dataset, load, read_forecast, save
from lieham.groups import GROUPS
from lieham.integrate import INTEGRATORS
from lieham.lift import LIFTS
from lieham.models import HLieConv, save_model
from lieham.models.config import ModelConfig
from lieham.training import History, RunFolder, fit
from lieham.training.config import TrainConfig
from systems import SYSTEMS, Springs
from systems.molecules.qm9_targets import TARGETS
from systems.names import LAWS

SIZES = ["--n_train", "4", "--n_val", "2", "--n_test", "3", "--points", "8", "--n_bodies", "3"]
TINY = ["--model.width", "8", "--train.steps", "4", "--train.refine", "2", "--train.evaluate_every", "2"]
TRAIN = ["train", "--data", "springs.h5", "--run", "n"]
ROLL = ["forecast", "r", "--out", "n.h5"]
PNG = b"\x89PNG\r\n\x1a\n"


def lieham(*arguments: object) -> int:
    return main([str(x) for x in arguments])


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(x.relative_to(folder)): x.read_bytes() for x in folder.rglob("*") if x.is_file()}


@pytest.fixture(scope="module")
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


# The way through


def test_generate_writes_what_the_law_gives(done):
    stored, made = load(done / "springs.h5"), Springs(3, 2).generate(4, 2, 3, points=8)
    for name, split in made.splits.items():
        assert torch.equal(getattr(stored, name).q, split.q) and torch.equal(getattr(stored, name).p, split.p)
    assert stored.provenance.law == "springs"


@pytest.mark.parametrize("law", LAWS)
def test_every_law_can_be_generated_in_space(law, place, capsys):
    assert lieham("generate", law, "--dim", 3, *SIZES, "--overwrite") == 0
    assert f"wrote {law}.h5: Dataset(train=4x8, val=2x8, test=3x8, n=3, d=3" in capsys.readouterr().out
    assert load(place / f"{law}.h5").provenance.law == law


def test_laws_are_those_of_systems():
    assert tuple(SYSTEMS) == LAWS


def test_the_published_windows(place):
    sizes = ["--n_train", 2, "--n_val", 1, "--n_test", 2]
    assert lieham("generate", "springs", "--out", "b.h5", "--benchmark", *sizes) == 0
    stored, made = load("b.h5"), Springs(6, 2).benchmark(2, n_val=1, n_test=2)
    assert torch.equal(stored.train.q, made.train.q) and torch.equal(stored.test.times, made.test.times)
    assert len(stored.val) == 1


def test_train_is_fit(done):
    model = HLieConv("SE(2)", 1, width=8)
    fit(model, load(done / "springs.h5"), steps=4, refine=2, evaluate_every=2)
    stored = load_model(done / "r")
    assert all(torch.equal(x, stored.state_dict()[name]) for name, x in model.state_dict().items())
    config = RunFolder(done / "r").config()
    assert config["data"]["file"] == str((done / "springs.h5").resolve()) and config["train"]["steps"] == 4
    assert config["model"]["features"] == 1, "taken from the data"


def test_forecast_starts_from_the_split_asked_for(place, capsys):
    for split in ("test", "val"):
        assert lieham("forecast", "r", "--split", split, "--steps", 3, "--count", 2, "--out", f"{split}.h5") == 0
        trajectory, attributes = read_forecast(f"{split}.h5")
        assert torch.equal(trajectory.q[:, 0], getattr(load("springs.h5"), split).q[:2, 0])
        assert trajectory.q.shape == (2, 4, 3, 2) and attributes["method"] == "yoshida4"
    assert "Yoshida4(substeps=4, compensated=True)" in capsys.readouterr().out


def test_forecast_takes_a_model_file_method_and_data(place, capsys):
    arguments = [
        "--data",
        "springs.h5",
        "--steps",
        2,
        "--method",
        "rk4",
        "--substeps",
        3,
        "--out",
        "f.h5",
        "--json",
    ]
    assert lieham("forecast", "r/model.safetensors", *arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == "rk4" and "substeps=3" in figures["settings"]
    assert (figures["systems"], figures["steps"], figures["file"]) == (3, 2, "f.h5")


@pytest.mark.parametrize(
    "law, model",
    [
        ("magnetic-springs", ["--model.kind", "VectorPotentialLieConv", "--model.group", "SO(2)xT(1)"]),
        ("bending", ["--model.lift", "edge", "--model.fill", "0.7"]),
        ("falling-springs", ["--model.group", "SE(2)xTrivial(1)", "--model.radius", "2.0"]),
    ],
)
def test_other_laws_and_models_go_the_same_way(law, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert lieham("generate", law, "--out", "x.h5", *SIZES) == 0
    assert lieham("train", "--data", "x.h5", "--run", "r", *TINY, *model) == 0
    assert lieham("train", "--run", "r", "--resume") == 0, "the settings are found again"
    assert lieham("forecast", "r", "--steps", 3) == 0
    capsys.readouterr()
    assert lieham("conservation", "r", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == ("gauss4" if law == "magnetic-springs" else "yoshida4")
    assert all(row["max_drift"] < 1e-12 for row in figures["charges"] if row["promised"] and row["name"] != "H")
    assert all(row["blame"] in ("", "model", "integrator") for row in figures["charges"])
    assert lieham("audit", "r", "--count", 20, "--n_bodies", 3) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "sound"


def test_conservation_prints_and_draws(place, capsys):
    assert lieham("conservation", "r", "--plot", "plots/drift.png") == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows.pop().startswith("precision: ")
    assert [row.split()[0] for row in rows] == ["charge", "P_x", "P_y", "L", "L_cm", "K_x", "K_y", "H"]
    assert Path("plots/drift.png").read_bytes().startswith(PNG)
    assert lieham("conservation", "r", "--file", "r/forecast.h5", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["method"] == "yoshida4" and all(row["promised"] for row in figures["charges"])


def test_describe_prints_text_or_json(place, capsys):
    assert lieham("data", "describe", "springs.h5") == 0
    text = capsys.readouterr().out
    assert "train: 4 trajectories of 8 points, 3 bodies in 2-D" in text
    assert lieham("data", "describe", "springs.h5", "--json") == 0
    splits = json.loads(capsys.readouterr().out)["splits"]
    assert {name: x["trajectories"] for name, x in splits.items()} == {"train": 4, "val": 2, "test": 3}


@pytest.mark.parametrize(
    "arguments, as_json",
    [
        (["springs.h5"], False),
        (["springs.h5", "--json"], True),
        (["--json", "springs.h5"], True),
        (["--no_json", "springs.h5"], False),
        (["--json", "--no_json", "springs.h5"], False),
    ],
)
def test_a_switch_is_a_flag(arguments, as_json, done, capsys, monkeypatch):
    monkeypatch.chdir(done)
    assert lieham("data", "describe", *arguments) == 0
    assert capsys.readouterr().out.startswith("{") == as_json


def test_one_s_own_arrays(place, capsys):
    """An .npz with velocities: the way of `examples/your_own_data.py`, to the conservation table."""
    x = load("springs.h5").train
    v = x.p / x.bodies.mass[:, None, :, None]
    arrays = {"times": x.times[0], "q": x.q, "v": v, "mass": x.bodies.mass}
    np.savez("mine.npz", **{k: y.numpy() for k, y in arrays.items()})
    assert lieham("train", "--data", "mine.npz", "--run", "mine", "--model.group", "T(2)", *TINY) == 0
    assert lieham("forecast", "mine", "--steps", 3) == 0
    assert lieham("conservation", "mine", "--json") == 0
    figures = json.loads(capsys.readouterr().out.split("forecast.h5\n")[-1])
    assert {row["name"]: row["promised"] for row in figures["charges"]}["L"] is False


def test_positions_alone_and_nothing_else(place, capsys):
    """Neither momenta nor masses: inferred for training, and again for the forecast; without --masses it asks."""
    state, bodies = SYSTEMS["springs"](3).sample(4, torch.Generator().manual_seed(0))
    times = torch.linspace(0, 0.1, 6, dtype=torch.float64)
    q = SYSTEMS["springs"](3).solve(state, bodies.map(lambda x: x[:1].expand_as(x)), times).q
    np.savez("bare.npz", times=times.numpy(), q=q.numpy())
    train = ("train", "--data", "bare.npz", "--run", "bare", "--model.group", "SE(2)", *TINY)
    assert lieham(*train) == 2
    assert '--masses "SE(2)"' in capsys.readouterr().err
    assert lieham(*train, "--masses", "SE(2)") == 0
    assert lieham("forecast", "bare", "--steps", 3) == 0
    assert lieham("data", "describe", "bare.npz", "--masses", "SE(2)") == 0
    out = capsys.readouterr().out
    assert "observed           positions" in out and "masses             SE(2)" in out


def test_resume_continues_with_the_settings_of_the_run(place, capsys):
    before = load_model("r").state_dict()
    assert lieham("train", "--resume", "--run", "r") == 0
    assert all(torch.equal(x, before[name]) for name, x in load_model("r").state_dict().items())
    text = capsys.readouterr().out
    assert "best validation loss" in text
    assert lieham("train", "--resume", "--run", "r", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert f", by {figures['learner']}; model in r" in text and figures["learner"] == "gradient descent (L-BFGS)"


def test_the_learner_of_the_best_weights_is_named():
    rows = [{"learner": "ridge", "validation": 2.0}, {"learner": "Adam", "validation": 1.0}]
    assert History(rows, 1.0).learner == "Adam" and History(rows[:1], 2.0).learner == "ridge"
    assert History().learner == "none"


# Configuration


@pytest.mark.parametrize(
    "command, options",
    [
        ("train", ["--data", "s.h5", "--run", "x", *TINY, "--model.group", "T(2)", "--train.lr", "0.02"]),
        ("generate gravity", ["--out", "g.h5", "--dim", "3", "--seed", "7"]),
        ("forecast r", ["--steps", "3", "--out", "x.h5", "--substeps", "2"]),
        ("conservation r", ["--file", "r/forecast.h5"]),
        ("data describe s.h5", ["--json"]),
        ("demo", ["--small", "--run", "d"]),
    ],
)
def test_a_printed_config_gives_the_same_settings(command, options, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def printed(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            lieham(*command.split(), *arguments, "--print_config")
        assert caught.value.code in (0, None)
        return capsys.readouterr().out

    text = printed(*options)
    Path("c.yaml").write_text(text)
    assert printed("--config", "c.yaml") == text != printed()


def test_a_run_is_repeated_from_its_own_config(place):
    """Bit for bit, by --config FILE and --config=FILE; and an option beats the file."""
    assert lieham("train", "--config", "r/config.yaml", "--run", "a") == 0
    assert lieham("train", "--config=r/config.yaml", "--run", "b", "--train.seed", 1, "--model.seed", 1) == 0
    first, a, b = (load_model(name).state_dict() for name in "rab")
    assert first.keys() == a.keys() and all(torch.equal(x, a[name]) for name, x in first.items())
    assert not all(torch.equal(x, b[name]) for name, x in first.items())
    assert RunFolder(place / "a").config() == RunFolder(place / "r").config()


def test_what_is_printed_of_a_run_s_own_config_repeats_it_too(place, capsys):
    with pytest.raises(SystemExit):
        lieham("train", "--config", "r/config.yaml", "--run", "c", "--print_config")
    Path("c.yaml").write_text(capsys.readouterr().out)
    assert lieham("train", "--config", "c.yaml") == 0
    assert RunFolder(place / "c").config() == RunFolder(place / "r").config()


def test_a_config_that_is_no_run_s_is_left_to_the_parser(place):
    Path("c.yaml").write_text(yaml.safe_dump({"data": "springs.h5", "train": {"steps": 3}}))
    arguments = ["train", "trajectories", "--config", "c.yaml"]
    assert with_own_configs(arguments) == arguments
    assert with_own_configs(["demo", "--config", "r/config.yaml"]) == ["demo", "--config", "r/config.yaml"]
    assert with_own_configs(["train", "trajectories", "--config", "none.yaml"])[-1] == "none.yaml"


def test_a_config_file_trains_the_same_model(place, capsys):
    with pytest.raises(SystemExit):
        lieham("train", "--data", "springs.h5", "--run", "a", *TINY, "--model.seed", 3, "--print_config")
    Path("c.yaml").write_text(capsys.readouterr().out)
    assert not Path("a").exists(), "printing does nothing else"
    assert lieham("train", "--config", "c.yaml") == 0
    assert lieham("train", "--config", "c.yaml", "--run", "b", "--model.seed", 4) == 0
    assert lieham("train", "--data", "springs.h5", "--run", "c", *TINY, "--model.seed", 3) == 0
    a, b, c = (load_model(name).state_dict() for name in "abc")
    assert all(torch.equal(x, c[name]) for name, x in a.items())
    assert not all(torch.equal(x, b[name]) for name, x in a.items()), "an option beats the file"


# Starting up


def python(code: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


HELP = """
import sys
from lieham.cli import main
from lieham.cli.completion import CHOICES
from lieham.cli.main import COMMANDS, with_own_configs
try:
    sys.exit(main(sys.argv[1:]))
finally:
    heavy = {"torch", "numpy", "scipy", "matplotlib", "h5py", "torchdiffeq", "safetensors"}
    print("imported:", sorted(heavy & set(sys.modules)))
"""


HELPED = {
    word: command.split()
    for word, command in {
        "conservation": "--help",
        "trajectories": "train --help",
        "--train.steps": "train trajectories --help",
        "--angles": "train digits --help",
        "--target": "train qm9 --help",
        "--split": "evaluate --help",
        "lieham 0.": "--version",
    }.items()
}


@pytest.mark.parametrize("command", list(HELPED.values()), ids=HELPED)
def test_help_waits_for_no_torch(command):
    done = python(HELP, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"
    assert next(word for word, x in HELPED.items() if x == command) in done.stdout


def test_a_process_exits_with_the_code_of_its_command(tmp_path):
    """And a command that works with data does import torch: the test above can fail."""
    done = python(HELP, "data", "describe", "none.h5", cwd=tmp_path)
    assert done.returncode == 2 and "'torch'" in done.stdout
    assert done.stderr == "lieham: data must be an existing file or folder, got none.h5\n"


@pytest.mark.parametrize("command", ["demo", "generate", "train", "forecast", "conservation", "data describe"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        lieham(*command.split(), "--help")
    assert caught.value.code in (0, None)
    text = capsys.readouterr().out
    assert "--config" in text and "--print_config" in text


# Help and completion are made of lists


def help_of(capsys, *command: str) -> str:
    with pytest.raises(SystemExit):
        lieham(*command, "--help")
    return " ".join(capsys.readouterr().out.split())


HELP_LISTS = {
    "generate": ("law", tuple(SYSTEMS)),
    "forecast": ("method", ("auto", *INTEGRATORS)),
    "train trajectories": ("train.method", ("auto", *INTEGRATORS)),
    "train qm9": ("target", tuple(TARGETS)),
    "train digits": ("model.lift", tuple(LIFTS)),
}


@pytest.mark.parametrize("command", HELP_LISTS)
def test_help_and_completion_name_every_member_of_a_list(command, capsys):
    option, names = HELP_LISTS[command]
    text = help_of(capsys, *command.split())
    assert ", ".join(names) in text, "all of them, in the order of the list"
    assert CHOICES[option] == names


@pytest.mark.parametrize("command", ["train trajectories", "train digits", "train qm9", "audit"])
def test_help_names_every_group(command, capsys):
    text = help_of(capsys, *command.split())
    assert all(f" {name}(d)," in text for name in GROUPS) and "Helical(c)," in text


def test_a_list_that_lacks_a_name_is_seen(capsys, monkeypatch):
    """The checks above can fail: with a law less, the help is not that of all laws."""
    few = naming(laws=LAWS[:-1])(type("Few", (), {"__doc__": "name of the law: {laws}."}))
    monkeypatch.setattr(Generate, "__doc__", Generate.__doc__.replace(", ".join(LAWS), ", ".join(LAWS[:-1])))
    assert ", ".join(SYSTEMS) not in help_of(capsys, "generate")
    assert few.__doc__ == f"name of the law: {', '.join(LAWS[:-1])}."


def options(commands: dict = COMMANDS) -> list[tuple[str, str]]:
    """Names and texts of the options of all commands, with those of their settings."""
    found = []
    for name, command in commands.items():
        if isinstance(command, dict):
            found += options(command)
        elif name != "_help":
            found += re.findall(r"^ {8}(\w+): ((?:.|\n {12,})+)", command.__doc__, re.M)
    return found


def test_an_option_is_explained_by_a_phrase_of_its_own():
    found = options() + re.findall(r"^ {8}(\w+): (.+)", ModelConfig.__doc__ + TrainConfig.__doc__, re.M)
    assert len(found) > 80
    fragments = [f"{name}: {text}" for name, text in found if re.match(r"(of|for|from|the same|that) ", text)]
    assert fragments == [], "each must be understood alone"


COMPLETED = [
    ("lieham ", set(COMMANDS)),
    ("lieham train ", {"trajectories", "digits", "qm9"}),
    ("lieham train --model.kind V", {"VectorPotentialLieConv"}),
    ("lieham train --resu", {"--resume"}),
    ("lieham train qm9 --target ho", {"homo"}),
    ("lieham train digits --train.redr", {"--train.redraw"}),
    ("lieham generate ma", {"magnetic-springs"}),
    ("lieham generate springs --over", {"--overwrite"}),
    ("lieham generate zzz", set()),
    ("lieham forecast --method yo", {"yoshida4", "yoshida6"}),
    ("lieham conservation sp", {"springs.h5"}),
    ("lieham train --data sp", {"springs.h5"}),
    ("lieham data ", {"describe"}),
    ("lieham completion b", {"bash"}),
]

ASK = r"""
source "$1"
[[ "$(complete -p lieham)" =~ -F\ ([^ ]*) ]] || exit 1
answer="${BASH_REMATCH[1]}"
while IFS= read -r COMP_LINE; do
    read -ra COMP_WORDS <<< "$COMP_LINE"
    [[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    "$answer" lieham "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
    echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.skipif(find_spec("shtab") is None, reason="pip install 'lieham[completion]'")
def test_bash_completes_commands_options_names_and_files(place, capsys):
    assert lieham("completion", "bash") == 0
    Path("lieham.bash").write_text(capsys.readouterr().out)
    lines = "".join(f"{line}\n" for line, _ in COMPLETED)
    done = subprocess.run(["bash", "-c", ASK, "bash", "lieham.bash"], input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = [set(x.split()) for x in done.stdout.splitlines()]
    assert dict(zip([x for x, _ in COMPLETED], answers, strict=True)) == dict(COMPLETED)


@pytest.mark.skipif(find_spec("shtab") is None, reason="pip install 'lieham[completion]'")
@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script_too(shell, capsys):
    assert lieham("completion", shell) == 0
    assert "lieham" in capsys.readouterr().out


def test_completion_without_its_extra_says_how_to_install_it(place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    refused(capsys, place, ["completion", "bash"], "shtab must be installed", "pip install 'lieham[completion]'")


# What is refused


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """Arrays of three trajectories that are right, with changes; None leaves an array out."""
    draw = np.random.default_rng(0)
    good = {
        "times": np.arange(6) * 0.1,
        "q": draw.normal(size=(3, 6, 2, 2)),
        "p": draw.normal(size=(3, 6, 2, 2)),
        "mass": np.array([1.0, 2.0]),
    }
    return {name: x for name, x in (good | changes).items() if x is not None}


def spoilt(name: str, value: float) -> np.ndarray:
    x = arrays()[name].copy()
    x.flat[3 if x.size > 3 else 1] = value
    return x


BAD_ARRAYS = {
    "wrong shape of p": (arrays(p=np.zeros((3, 6, 2, 3))), ("p must be", "(3, 6, 2, 2)", "got (3, 6, 2, 3)")),
    "wrong shape of q": (arrays(q=np.zeros((6, 2))), ("q must be", "(time, n, d)", "got (6, 2)")),
    "wrong shape of mass": (arrays(mass=np.ones(3)), ("mass must be", "(3, 2)", "got (3,)")),
    "wrong shape of times": (arrays(times=np.arange(5.0)), ("times must be", "(6,)", "got (5,)")),
    "wrong shape of features": (arrays(features=np.ones((3, 1))), ("features must be", "got (3, 1)")),
    "wrong shape of mask": (arrays(mask=np.ones(3, dtype=bool)), ("mask must be", "got (3,)")),
    "NaN": (arrays(q=spoilt("q", np.nan)), ("q must be finite", "got nan")),
    "infinity": (arrays(p=spoilt("p", np.inf)), ("p must be finite", "got inf")),
    "times that repeat": (arrays(times=spoilt("times", 0.2)), ("times must be strictly increasing",)),
    "times that fall": (arrays(times=np.arange(6.0)[::-1]), ("times must be strictly increasing",)),
    "zero mass": (arrays(mass=spoilt("mass", 0.0)), ("mass must be finite and positive", "got 0")),
    "negative mass": (arrays(mass=spoilt("mass", -1.0)), ("mass must be finite and positive", "got -1")),
    "no mass": (arrays(mass=None), ("array mass must be there",)),
    "unknown array": (arrays(charge=np.ones(2)), ("arrays must be among", "got charge")),
    "p and v": (arrays(v=np.zeros((3, 6, 2, 2))), ("one of p", "got p, v")),
    "complex q": (arrays(q=np.zeros((3, 6, 2, 2), dtype=complex)), ("array q must be of real numbers",)),
    "no numbers": (arrays(q=np.zeros((0, 6, 2, 2))), ("array q must be not empty",)),
}


def refused(capsys, folder: Path, command: list[object], *parts: str) -> None:
    """Exit code 2, one line on standard error with the parts in order, nothing on standard output, no file touched."""
    capsys.readouterr()
    before = snapshot(folder)
    assert lieham(*command) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("lieham: ") and err.count("\n") == 1, err
    assert "Traceback" not in err
    places = [err.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {err!r}"
    assert snapshot(folder) == before


@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_are_named(name, kind, place, capsys):
    content, parts = BAD_ARRAYS[name]
    path = place / f"bad.{kind}"
    if kind == "npz":
        np.savez(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for key, value in content.items():
                file[key] = value
    refused(capsys, place, ["train", "--data", path, "--run", "new", *TINY], str(path), *parts)
    refused(capsys, place, ["data", "describe", path], str(path), *parts)


def test_good_arrays_are_not_refused(place, capsys):
    np.savez("good.npz", **arrays())
    assert lieham("data", "describe", "good.npz") == 0
    assert "1 trajectories of 6 points, 2 bodies in 2-D" in capsys.readouterr().out


class Evil:
    """Its pickle makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / ("bad.npz" if "npz" in kind else "bad.csv" if "csv" in kind else "bad.h5")
    good = (folder / "springs.h5").read_bytes()
    if kind == "pickled npz":
        np.savez(path, **arrays(mass=np.array([Evil()], dtype=object)))
    elif kind == "folder.h5":
        path.mkdir()
    elif kind == "foreign h5":
        with h5py.File(path, "w") as file:
            file["image/pixels"] = np.ones(3)
    else:
        cut = {
            "empty h5": b"",
            "empty npz": b"",
            "truncated h5": good[: len(good) // 2],
            "short h5": good[:100],
        }
        path.write_bytes(cut.get(kind, b"not what its name says"))
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("empty h5", "empty npz", "truncated h5", "short h5", "text h5", "text npz", "csv"),
        *("pickled npz", "folder.h5", "foreign h5"),
    ],
)
def test_bad_files_are_named_and_never_run(kind, place, capsys):
    path = bad_file(kind, place)
    refused(capsys, place, ["data", "describe", path], str(path))
    refused(capsys, place, ["train", "--data", path, "--run", "new"], str(path))
    refused(capsys, place, ["forecast", "r", "--data", path, "--out", "new.h5"], str(path))
    assert not (place / "executed").exists()


@pytest.mark.parametrize(
    "command, parts",
    [
        (["generate", "magic"], ("law must be one of springs, gravity", "got 'magic'")),
        (["generate", "springs", "--out", "springs.h5"], ("out must be a new file", "springs.h5", "exists")),
        (["generate", "springs", "--dim", 4, "--out", "n.h5"], ("dim must be 2 or 3", "got 4")),
        (["generate", "springs", "--n_bodies", 0, "--out", "n.h5"], ("n_bodies must be", "got 0")),
        (["generate", "springs", "--n_train", -1, "--out", "n.h5"], ("n_train must be", "got -1")),
        (["generate", "springs", "--points", 1, "--out", "n.h5"], ("points must be", "got 1")),
        (
            ["generate", "gravity", "--benchmark", "--out", "n.h5"],
            ("benchmark must go with the law springs",),
        ),
        (["generate", "springs", "--out", "springs.h5/x.h5"], ("springs.h5",)),
        (["train", "--run", "n"], ("data must name a file", "got none")),
        (["train", "--data", "none.h5", "--run", "n"], ("data must be an existing file", "none.h5")),
        (["train", "--data", "springs.h5", "--run", "r"], ("run must be a new folder", "got r", "resume")),
        (
            ["train", "--data", "springs.h5", "--run", "springs.h5"],
            ("run must be a new folder", "which is a file"),
        ),
        (["train", "--data", "springs.h5", "--run", "springs.h5/n"], ("springs.h5",)),
        ([*TRAIN, "--model.group", "E(8)"], ("group must be", "got 'E(8)'")),
        ([*TRAIN, "--model.group", "SE(3)"], ("group must act on 2",)),
        ([*TRAIN, "--model.width", 1], ("width must be at least 4", "got 1")),
        ([*TRAIN, "--model.block", "big"], ("block must be one of", "'big'")),
        ([*TRAIN, "--model.dtype", "int8"], ("dtype must be one of", "'int8'")),
        ([*TRAIN, "--train.method", "magic"], ("method must be one of", "'magic'")),
        ([*TRAIN, "--train.window", 9], ("window must be", "8 points", "got 9")),
        ([*TRAIN, "--train.lr", -1], ("lr must be positive", "got -1")),
        ([*TRAIN, "--train.device", "abacus"], ("device must be", "'abacus'")),
        (["train", "--resume", "--run", "none"], ("run must be an existing", "none")),
        (["forecast", "none"], ("model must be an existing file or folder", "none")),
        (["forecast", "r"], ("file must be a new one", "r/forecast.h5", "exists")),
        ([*ROLL, "--split", "all"], ("split must be one of train, val, test", "'all'")),
        ([*ROLL, "--steps", 0], ("steps must be at least 1", "got 0")),
        ([*ROLL, "--count", 0], ("count must be at least 1", "got 0")),
        ([*ROLL, "--count", -1], ("count must be at least 1", "got -1")),
        ([*ROLL, "--method", "magic"], ("method must be one of", "'magic'")),
        ([*ROLL, "--method", "dopri5", "--substeps", 2], ("dopri5 has no setting substeps",)),
        ([*ROLL, "--data", "none.h5"], ("data must be an existing", "none.h5")),
        (
            ["forecast", "springs.h5", "--out", "n.h5"],
            ("model must be a whole safetensors file", "springs.h5"),
        ),
        (["conservation", "none"], ("model must be an existing file or folder", "none")),
        (["conservation", "r", "--file", "n.h5"], ("file must be a forecast", "n.h5", "does not exist", "forecast r")),
        (["evaluate", "r"], ("run must hold a classifier or a regressor", "HLieConv", "lieham forecast")),
        (
            ["train", "digits", "--resume", "--run", "r"],
            ("run must be one of `lieham train digits`", "got r", "train trajectories --resume"),
        ),
        (
            ["train", "digits", "--config", "r/config.yaml", "--run", "n"],
            ("config must be one of `lieham train digits`", "got r/config.yaml of `lieham train trajectories`"),
        ),
        (["completion", "fish"], ("shell must be one of bash, zsh, tcsh", "got 'fish'")),
        (["conservation", "r", "--file", "springs.h5"], ("file must be a forecast", "springs.h5", "train")),
        (["data", "describe", "none.h5"], ("data must be an existing", "none.h5")),
        (["demo", "--run", "r"], ("run must be a new folder", "got r", "not empty", "--overwrite")),
        (["demo", "--run", "springs.h5"], ("run must be a new folder", "springs.h5")),
    ],
    ids=lambda x: " ".join(map(str, x)) if isinstance(x, list) else "",
)
def test_bad_commands_end_in_one_sentence(command, parts, place, capsys):
    refused(capsys, place, command, *parts)
    assert sorted(x.name for x in place.iterdir()) == ["r", "springs.h5"]


def spoil_model(kind: str, path: Path) -> None:
    good = path.read_bytes()
    if kind == "other architecture":
        other = HLieConv("SE(2)", 1, width=12)
        other.config["width"] = 8
        save_model(other, path)
    elif kind == "pickle":
        torch.save({"weight": Evil()}, path)
    elif kind == "other program":
        from safetensors.torch import save_file

        save_file({"weight": torch.ones(2)}, str(path))
    else:
        path.write_bytes({"empty": b"", "truncated": good[:-50], "short": good[:5]}[kind])


@pytest.mark.parametrize(
    "kind, parts",
    [
        ("other architecture", ("weights in r/model.safetensors", "must be (", "got (")),
        ("other program", ("model must be a file written by lieham", "r/model.safetensors")),
        ("empty", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("truncated", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("short", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("pickle", ("model must be a whole safetensors file", "r/model.safetensors")),
    ],
)
def test_bad_models_are_named_and_never_run(kind, parts, place, capsys):
    spoil_model(kind, place / "r" / "model.safetensors")
    refused(capsys, place, ["forecast", "r", "--out", "n.h5"], *parts)
    refused(capsys, place, ["conservation", "r"], *parts)
    assert not (place / "executed").exists()


@pytest.mark.parametrize(
    "kind, parts",
    [
        ("config of nobody", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config that is no YAML", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config that runs code", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config of another version", ("setting must be one of", "got 'depth'")),
        ("no data file", ("data must name a file", "the run does not say")),
        ("truncated checkpoint", ("checkpoint must be one written by lieham", "r/checkpoint.pt")),
        ("pickle", ("checkpoint must be one written by lieham", "r/checkpoint.pt")),
        ("no checkpoint", ("checkpoint must be an existing file", "r/checkpoint.pt")),
    ],
)
def test_bad_runs_are_named(kind, parts, place, capsys):
    config, checkpoint = place / "r" / "config.yaml", place / "r" / "checkpoint.pt"
    content = yaml.safe_load(config.read_text())
    if kind == "no data file":
        del content["data"]["file"]
    elif kind == "config of another version":
        content["model"]["depth"] = 3
    config.write_text(yaml.safe_dump(content))
    texts = {
        "config of nobody": "a: 1\n",
        "config that is no YAML": "{[",
        "config that runs code": "!!python/object/apply:os.mkdir [executed]\n",
    }
    if kind in texts:
        config.write_text(texts[kind])
    elif kind == "no checkpoint":
        checkpoint.unlink()
    elif kind == "pickle":
        torch.save({"model": Evil()}, checkpoint)
    elif kind == "truncated checkpoint":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    refused(capsys, place, ["train", "--resume", "--run", "r"], *parts)
    assert not (place / "executed").exists()


def test_a_split_that_is_not_there_is_named(place, capsys):
    save(Dataset(train=load("springs.h5").train), "train.h5")
    command = ["forecast", "r", "--data", "train.h5", "--out", "n.h5"]
    refused(capsys, place, command, "split must be one that train.h5 holds", "got test")


def test_a_forecast_with_other_features_is_named(place, capsys):
    np.savez("plain.npz", **arrays())
    command = ["forecast", "r", "--data", "plain.npz", "--steps", 2, "--out", "n.h5"]
    refused(capsys, place, command, "features of the model must be 0 like the data's", "got 1")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["nonsense"],
        ["generate"],
        ["generate", "springs", "--n_train", "many"],
        ["train", "--model.depth", "3"],
    ],
    ids=lambda x: " ".join(x) or "nothing",
)
def test_errors_of_the_parser_end_in_code_2_too(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        lieham(*command)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "error:" in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


# The demo


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
