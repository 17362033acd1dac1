"""The house: imports go down the floors of docs/design.md, files stay short, no debris."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = [ROOT / "lieham", ROOT / "systems"]
FILES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")])
name_of = {"ids": lambda path: str(path.relative_to(ROOT))}


def floors() -> dict[str, int]:
    """Module → floor, from the table in docs/design.md."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "docs" / "design.md").read_text(), re.M)
    return {name: int(floor) for floor, names in rows for name in re.findall(r"`(\w+)`", names)}


def unit(module: str) -> str | None:
    """The name in the table that a dotted module belongs to: lieham.nn.blocks → nn, systems.base → systems."""
    parts = module.split(".")
    if parts[0] == "systems":
        return "systems"
    return parts[1] if parts[0] == "lieham" and len(parts) > 1 else None


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


INSIDE = [path for path in FILES if path != ROOT / "lieham" / "__init__.py"]


def test_every_module_has_a_floor():
    assert {unit(module_of(path)) for path in INSIDE} == set(floors())


@pytest.mark.parametrize("path", INSIDE, **name_of)
def test_imports_go_down(path):
    table, own = floors(), unit(module_of(path))
    below = {unit(module) for module in imported(ast.parse(path.read_text()))} - {None, own}
    higher = {name for name in below if name in table and table[name] > table[own]}
    assert not higher, f"{own} is on floor {table[own]}"


def test_modules_of_one_floor_do_not_import_each_other_in_a_circle():
    table, edges = floors(), {}
    for path in INSIDE:
        own = unit(module_of(path))
        edges.setdefault(own, set()).update(
            x for x in map(unit, imported(ast.parse(path.read_text()))) if x in table and x != own
        )
    while edges:
        leaves = [name for name, others in edges.items() if not others & set(edges)]
        assert leaves, f"a circle among {sorted(edges)}"
        for name in leaves:
            del edges[name]


@pytest.mark.parametrize("path", FILES, **name_of)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 260
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize("path", SCRIPTS, **name_of)
def test_scripts_are_read_in_one_go(path):
    assert len(path.read_text().splitlines()) <= 120


@pytest.mark.parametrize("path", FILES, **name_of)
def test_no_debris(path):
    tree = ast.parse(path.read_text())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"eval", "exec", "breakpoint"}
    assert "print" not in called or path.parent.name == "cli"
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text())
    modules = imported(tree)
    assert "matplotlib.pyplot" not in modules, "it picks a backend and keeps every figure alive"
    assert "pickle" not in modules


@pytest.mark.parametrize("path", FILES, **name_of)
def test_nobody_sets_global_state_but_the_command_line(path):
    text = path.read_text()
    for call in ("set_num_threads", "set_default_dtype", "set_default_device", "rcParams", "filterwarnings"):
        assert call not in text or path.parent.name == "cli", call
