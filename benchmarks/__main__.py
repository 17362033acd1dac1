"""`python -m benchmarks NAME`: run a benchmark, print its table, keep its results as JSON."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.engine.records import Records, load
from benchmarks.engine.sizes import Given
from benchmarks.registry import ALL, SCRIPTS, STUDIES, Study, report_of
from lieham.errors import InputError, LiehamError, check_choice

COMMANDS = {
    "all": "every study, each with a file of its own",
    "list": "the studies and scripts, with what each measures",
    "table": "the table of every file of results",
    "plot": "the figures of every file of results, beside it",
}


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for.

    Args:
        arguments: what follows `python -m benchmarks`; those of the process by default.

    Returns:
        The exit code: 0, 2 where the input was wrong, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in SCRIPTS:
        SCRIPTS[arguments[0]].main(arguments[1:])
        return 0
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
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Run a benchmark, print its table, keep its results as JSON.",
        epilog=f"{_listed()}\n\n{_lines(COMMANDS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="a study, a script (with options of its own) or a command: see below")
    parser.add_argument("files", nargs="*", type=Path, help="files of results for the commands table and plot")
    sizes = {"choices": ("quick", "full", "tiny"), "default": "quick", "metavar": "quick|full"}
    parser.add_argument("--size", **sizes, help="how much of the study is run (default: quick)")
    parser.add_argument("--json", type=Path, help="file of results (default: runs/benchmarks/NAME-SIZE.json)")
    parser.add_argument("--seeds", type=int, nargs="+", default=(), help="seeds in place of the size's own")
    parser.add_argument("--n_train", type=int, nargs="+", default=(), help="training sets in place of the size's own")
    parser.add_argument("--share", type=float, help="share of every training's steps in place of the size's own")
    parser.add_argument("--only", nargs="+", default=(), metavar="MODEL|LAW", help="run these models and laws only")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default: 1)")
    parser.add_argument("--fresh", action="store_true", help="drop the results that the file holds")
    return parser


def _listed() -> str:
    return _lines({x.name: x.summary for x in ALL})


def _lines(summaries: dict[str, str]) -> str:
    return "\n".join(f"{name:<14} {summary}" for name, summary in summaries.items())


def _do(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    name = check_choice("name", given.name, (*(x.name for x in ALL), *COMMANDS))
    if given.files and name not in ("table", "plot"):
        raise InputError(f"files must be given to table or plot, got {given.files[0]} after {name}")
    if name == "list":
        print(_listed())
    elif name == "table":
        print("\n\n".join(str(report_of(load(path))) for path in given.files))
    elif name == "plot":
        images = [x for path in given.files for x in report_of(load(path)).plot_all(path.with_suffix(""))]
        print("\n".join(map(str, images)))
    elif name == "all":
        if given.json is not None:
            raise InputError("json must be given to one benchmark, got all: each writes a file of its own")
        for study in STUDIES.values():
            _run(study, given)
    else:
        _run(STUDIES[name], given)


def _run(study: Study, given: argparse.Namespace) -> None:
    path = given.json or Path("runs", "benchmarks", f"{study.name}-{given.size}.json")
    records = Records(path, study.name, given.size, given.fresh)
    chosen = (tuple(x) for x in (given.seeds, given.n_train, given.only))
    size = study.module.SIZES[given.size]
    size = size if given.share is None else replace(size, share=given.share)
    study.module.run(Given(records, size, *chosen))
    print(study.report(records.content(records.asked)))


if __name__ == "__main__":
    sys.exit(main())
