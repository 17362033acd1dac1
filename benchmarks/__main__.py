"""`python -m benchmarks NAME`: run a benchmark, print its table, keep its results as JSON."""

from __future__ import annotations

import argparse
import ast
import runpy
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.engine.plots import draw
from benchmarks.engine.records import Records, load
from benchmarks.engine.sizes import Given
from benchmarks.engine.tables import footer
from lieham.errors import InputError, LiehamError, check_choice

FOLDER = Path(__file__).parent
BENCHMARKS = ("springs", "exact", "laws", "egnn", "transfer", "less", "ablation", "digits", "qm9")
SCRIPTS = (
    *("conservation", "subgroups", "invariance", "lifts", "lift_costs", "windows", "tuning", "speed"),
    "clouds_speed",
)
"""Scripts with options of their own; `python benchmarks/NAME.py` runs them too."""

COMMANDS = ("all", "list", "table", "plot")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, 2 where the input was wrong, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in SCRIPTS:
        return _script(*arguments)
    given = _parser().parse_args(arguments)
    try:
        _do(given)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last result", file=sys.stderr)
        return 130
    except LiehamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("name", help=f"{', '.join(BENCHMARKS)}; {', '.join(SCRIPTS)}; {', '.join(COMMANDS)}")
    parser.add_argument("files", nargs="*", type=Path, help="results for table and plot")
    parser.add_argument("--size", choices=("quick", "full", "tiny"), default="quick", metavar="quick|full")
    parser.add_argument("--json", type=Path, help="results; runs/benchmarks/NAME-SIZE.json by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=(), help="instead of the size's own")
    parser.add_argument("--n_train", type=int, nargs="+", default=(), help="instead of the size's own")
    parser.add_argument("--share", type=float, help="of the steps of every training, instead of the size's own")
    parser.add_argument("--only", nargs="+", default=(), metavar="MODEL|LAW", help="these models and laws alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="drop the results that the file holds")
    return parser


def _do(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    if given.files and given.name not in ("table", "plot"):
        raise InputError(f"files must be given to table or plot, got {given.files[0]} after {given.name}")
    if given.name == "list":
        print("\n".join(f"{name:<14} {summary_of(name)}" for name in (*BENCHMARKS, *SCRIPTS)))
    elif given.name == "table":
        print("\n\n".join(shown(load(path)) for path in given.files))
    elif given.name == "plot":
        print("\n".join(str(image) for path in given.files for image in draw(load(path), path.with_suffix(""))))
    elif given.name == "all":
        if given.json is not None:
            raise InputError("json must be given to one benchmark, got all: each writes a file of its own")
        for name in BENCHMARKS:
            _run(name, given)
    else:
        _run(check_choice("name", given.name, (*BENCHMARKS, *SCRIPTS, *COMMANDS)), given)


def _run(name: str, given: argparse.Namespace) -> None:
    module = import_module(f"benchmarks.studies.{name}")
    path = given.json or Path("runs", "benchmarks", f"{name}-{given.size}.json")
    records = Records(path, name, given.size, given.fresh)
    chosen = (tuple(x) for x in (given.seeds, given.n_train, given.only))
    size = module.SIZES[given.size]
    size = size if given.share is None else replace(size, share=given.share)
    module.run(Given(records, size, *chosen))
    print(shown(records.content(records.asked)))


def shown(content: dict) -> str:
    """The table of results, and where they come from."""
    module = import_module(f"benchmarks.studies.{check_choice('benchmark', content['benchmark'], BENCHMARKS)}")
    return f"{module.table(content['results'])}\n\n{footer(content)}"


def summary_of(name: str) -> str:
    """The first sentence of a module's docstring, without importing it."""
    folder = "scripts" if name in SCRIPTS else "studies"
    text = ast.get_docstring(ast.parse((FOLDER / folder / f"{name}.py").read_text())) or ""
    return text.split("\n\n")[0].replace("\n", " ").split(": `python")[0].rstrip(".")


def _script(name: str, *arguments: str) -> int:
    before = sys.argv
    sys.argv = [str(FOLDER / "scripts" / f"{name}.py"), *arguments]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        sys.argv = before
    return 0


if __name__ == "__main__":
    sys.exit(main())
