"""Commands start quickly, have help, and exit with their code."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from lieham._support.names import naming
from lieham.cli.completion import CHOICES
from lieham.cli.generate import Generate
from lieham.cli.main import COMMANDS
from lieham.groups import GROUPS
from lieham.integrate import INTEGRATORS
from lieham.lift import LIFTS
from lieham.models.config import ModelConfig
from lieham.training.config import TrainConfig
from systems import SYSTEMS
from systems.molecules.qm9_targets import TARGETS
from systems.names import LAWS
from tests.cli.helpers import lieham, options, refused

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
    ("lieham data ", {"check", "describe"}),
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
