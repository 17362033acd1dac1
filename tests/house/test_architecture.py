"""The house: imports go down the floors of docs/design.md, every package has few inner floors, files stay short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.house.measures import House

FILES = sorted(path for name in ("lieham", "systems") for path in (ROOT / name).rglob("*.py"))
"""What is installed."""
BESIDE = sorted(path for name in ("tests", "benchmarks", "examples") for path in (ROOT / name).rglob("*.py"))
SCRIPTS = [path for path in BESIDE if not path.is_relative_to(ROOT / "tests")]
MOST_FLOORS = 5
name_of = {"ids": lambda path: str(path.relative_to(ROOT))}


def module_of(path: Path) -> str:
    """lieham/nn/__init__.py → lieham.nn."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in (*FILES, *BESIDE)}
PACKAGES = sorted(
    module_of(path) for path in (*FILES, *BESIDE) if path.name == "__init__.py" and path != ROOT / "lieham/__init__.py"
)


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file imports, and every module of ours that it names in an import."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def floors() -> dict[str, int]:
    """Unit → floor, from the table in docs/design.md."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "docs" / "design.md").read_text(), re.M)
    return {name: int(floor) for floor, names in rows for name in re.findall(r"`(\w+)`", names)}


def unit(module: str) -> str | None:
    """The name in the table that a dotted module belongs to: lieham.nn.blocks → nn, systems.laws.base → systems."""
    first, *rest = module.split(".")
    if first == "systems":
        return "systems"
    return rest[0] if first == "lieham" and rest else None


INSIDE = [path for path in FILES if path != ROOT / "lieham" / "__init__.py"]


def test_every_module_has_a_floor():
    assert {unit(module_of(path)) for path in INSIDE} == set(floors())


@pytest.mark.parametrize("path", INSIDE, **name_of)
def test_imports_go_down(path):
    table, own = floors(), unit(module_of(path))
    below = {unit(module) for module in imported(path)} - {None, own}
    higher = {name for name in below if name in table and table[name] > table[own]}
    assert not higher, f"{own} is on floor {table[own]}"


def height(edges: dict[str, set[str]]) -> int:
    """The longest chain of imports, counted in modules; AssertionError for a circle."""
    left, storeys = {name: set(others) for name, others in edges.items()}, 0
    while left:
        leaves = {name for name, others in left.items() if not others & set(left)}
        assert leaves, f"a circle among {sorted(left)}"
        left, storeys = {name: others for name, others in left.items() if name not in leaves}, storeys + 1
    return storeys


def edges_within(package: str, modules: Iterable[str]) -> dict[str, set[str]]:
    """Child of a package → the other children that it imports; the package's own `__init__` is none of them."""

    def child(module: str) -> str | None:
        inside = module.startswith(f"{package}.")
        return module[len(package) + 1 :].split(".")[0] if inside else None

    found: dict[str, set[str]] = {}
    for module in modules:
        own = child(module)
        if own is not None:
            found.setdefault(own, set()).update({child(x) for x in imported(MODULES[module])} - {own, None})
    return {name: others & set(found) for name, others in found.items()}


def test_units_of_one_floor_do_not_import_each_other_in_a_circle():
    table, edges = floors(), {}
    for path in INSIDE:
        own = unit(module_of(path))
        edges.setdefault(own, set()).update({x for x in map(unit, imported(path)) if x in table} - {own})
    assert height(edges) <= 1 + max(table.values()) + 2


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_few_inner_floors(package):
    assert height(edges_within(package, MODULES)) <= MOST_FLOORS


def test_the_height_of_a_package_is_measured():
    """The check itself: a chain of three, and a circle."""
    assert height({"a": {"b"}, "b": {"c"}, "c": set()}) == 3
    with pytest.raises(AssertionError, match="circle"):
        height({"a": {"b"}, "b": {"a"}})


@pytest.mark.parametrize("path", FILES, **name_of)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 260
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            words = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert node.end_lineno - node.lineno - words < 60, node.name


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
    modules = imported(path)
    assert "matplotlib.pyplot" not in modules, "it picks a backend and keeps every figure alive"
    assert "pickle" not in modules


@pytest.mark.parametrize("path", FILES, **name_of)
def test_nobody_sets_global_state_but_the_command_line(path):
    text = path.read_text()
    for call in ("set_num_threads", "set_default_dtype", "set_default_device", "rcParams", "filterwarnings"):
        assert call not in text or path.parent.name == "cli", call


HOUSE = House(ROOT)


def test_the_kernel_of_a_network_is_reached_by_models_and_nn_alone():
    assert HOUSE.kernel_reaches() == []


def test_few_places_ask_for_the_kind_of_an_object():
    """A contract says what a thing can do; names are told from objects at the border, and little else."""
    assert len(HOUSE.asked_kinds()) <= 6, HOUSE.asked_kinds()


def test_few_functions_have_many_parameters():
    assert len(HOUSE.many_parameters()) <= 5, HOUSE.many_parameters()


def test_docstrings_name_arguments():
    named, all_of_them = HOUSE.named_arguments()
    assert 2 * named >= all_of_them


def test_public_names_are_defined_once():
    """A name of a function or class has one home; names that start with an underscore are a file's own."""
    assert HOUSE.twice() == []


def test_the_figures_of_the_house_are_counted(tmp_path):
    """The counts themselves, on a house that has one fault of each kind."""
    (tmp_path / "lieham").mkdir()
    text = """class A: ...
def f(a, b, c, d, e, g, h):
    \"\"\"No arguments are named.\"\"\"
    return isinstance(a, A) and a.network.blocks
"""
    (tmp_path / "lieham" / "a.py").write_text(text)
    (tmp_path / "lieham" / "b.py").write_text('def f(a, b, c):\n    """Args: a, b, c."""\n')
    house = House(tmp_path)
    assert len(house.kernel_reaches()) == len(house.asked_kinds()) == len(house.many_parameters()) == 1
    assert house.twice() == ["f"] and house.named_arguments() == (1, 2)
