"""The list of all studies and scripts, from which the command line and its help are made."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from benchmarks.engine.plots import law_figures
from benchmarks.engine.report import StudyReport
from lieham.errors import check_choice

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """One module of a folder of benchmarks."""

    name: str
    folder: ClassVar[str]

    @property
    def path(self) -> Path:
        """The file of the module."""
        return FOLDER / self.folder / f"{self.name}.py"

    @property
    def summary(self) -> str:
        """The first sentence of the module's docstring, read without importing the module."""
        text = ast.get_docstring(ast.parse(self.path.read_text())) or ""
        return text.split("\n\n")[0].replace("\n", " ").split(": `python")[0].rstrip(".")


class Study(Benchmark):
    """A benchmark with `SIZES`, `run(given)` and `table(results)`, whose results are kept as JSON.

    A study that draws figures of its own has `figures(results)` as well; the others get `law_figures`.
    """

    folder = "studies"

    @property
    def module(self) -> ModuleType:
        """The study's module, which is imported at first use."""
        return import_module(f"benchmarks.studies.{self.name}")

    def report(self, content: dict) -> StudyReport:
        """Make the report of a file of results."""
        figures = getattr(self.module, "figures", law_figures)(content["results"])
        return StudyReport(content, self.module.table(content["results"]), figures)


class Script(Benchmark):
    """A benchmark with options of its own, which prints its tables and keeps no results."""

    folder = "scripts"

    def main(self, arguments: Sequence[str]) -> None:
        """Run the script's file as `python` would with these arguments."""
        before = sys.argv
        sys.argv = [str(self.path), *arguments]
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            sys.argv = before


ALL: tuple[Study | Script, ...] = (
    Study("springs"),
    Study("exact"),
    Study("laws"),
    Study("egnn"),
    Study("transfer"),
    Study("less"),
    Study("ablation"),
    Study("digits"),
    Study("qm9"),
    Script("conservation"),
    Script("subgroups"),
    Script("invariance"),
    Script("lifts"),
    Script("lift_costs"),
    Script("threads"),
    Script("windows"),
    Script("many_bodies"),
    Script("molecules_md"),
    Script("tuning"),
    Script("speed"),
    Script("clouds_speed"),
)
"""Every study and script, in the order in which `list` names them. A new one needs its file and one line here."""

STUDIES = {x.name: x for x in ALL if isinstance(x, Study)}
SCRIPTS = {x.name: x for x in ALL if isinstance(x, Script)}


def report_of(content: dict) -> StudyReport:
    """Make the report of a file of results, by the study that it names."""
    return STUDIES[check_choice("benchmark", content["benchmark"], tuple(STUDIES))].report(content)
