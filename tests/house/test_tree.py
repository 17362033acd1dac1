"""The tree of tests: it mirrors what it tests, its files are short, and its helpers are imported one way."""

from __future__ import annotations

import ast

import pytest

from tests.helpers.places import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
MOST_LINES = 400
CROSS_CUTTING = {"helpers", "house", "benchmarks", "systems"}
"""Directories of tests that stand for no package of lieham."""


def packages(folder: str) -> set[str]:
    """The packages directly inside one."""
    return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}


def covered(folder: str) -> set[str]:
    """The directories of tests, directly inside one, that hold a test at some depth."""
    return {path.name for path in (TESTS / folder).iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}


def test_every_package_has_a_directory_of_tests():
    assert packages("lieham") - covered(".") == set()
    assert packages("systems") - covered("systems") == set()


def test_every_directory_of_tests_stands_for_a_package_or_a_module():
    modules = {path.stem for path in (ROOT / "lieham").glob("*.py")}
    assert covered(".") - packages("lieham") - modules - CROSS_CUTTING == set()
    assert covered("systems") - packages("systems") == set()


def test_a_package_without_tests_would_be_seen():
    """The check itself: a folder of helpers holds no tests, so it counts for nothing."""
    assert "helpers" not in covered(".") and "house" in covered(".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_file_of_tests_is_short(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def imports(path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {node.module for node in nodes if node.module}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_file_of_tests_imports_no_other(path):
    """What two files share is in a helper module or in a conftest.py."""
    assert {
        name for name in imports(path) if name.startswith("tests.") and name.split(".")[-1].startswith("test_")
    } == set()


def test_every_directory_of_tests_is_a_package():
    """So that two files may have the same name."""
    folders = {path.parent for path in FILES}
    assert {str(x.relative_to(ROOT)) for x in folders if not (x / "__init__.py").exists()} == set()
