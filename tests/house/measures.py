"""Figures of the house, counted from the source alone: `python -m tests.house.measures [CHECKOUT]` prints them."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.places import ROOT

PLACES = ("lieham", "systems")
MANY = 6
"""Most parameters of a function that does not count as having many."""
FEW = 3
"""Least arguments of a function whose docstring is to name them."""
LONG = 400
"""Most lines of a file of tests that does not count as long."""


class House:
    """The source of a checkout: its modules as trees, and what is counted in them."""

    def __init__(self, root: Path):
        self.root = root
        paths = sorted(path for place in PLACES for path in (root / place).rglob("*.py"))
        self.trees = {path.relative_to(root): ast.parse(path.read_text()) for path in paths}

    def nodes(self, *kinds: type) -> Iterator[tuple[Path, ast.AST]]:
        """Yield every node of these kinds with its file."""
        return ((path, x) for path, tree in self.trees.items() for x in ast.walk(tree) if isinstance(x, kinds))

    def classes(self) -> set[str]:
        """Return the names of all classes."""
        return {x.name for _, x in self.nodes(ast.ClassDef)}

    def kernel_reaches(self) -> list[str]:
        """List lines outside models/ and nn/ that reach for the blocks of a network."""
        return [
            f"{path}: {line.strip()}"
            for path in self.trees
            if not {"models", "nn"} & set(path.parts)
            for line in (self.root / path).read_text().splitlines()
            if "network.blocks" in line
        ]

    def asked_kinds(self) -> list[str]:
        """List calls of isinstance on a class of ours, called by its own name."""
        own, found = self.classes(), []
        for path, x in self.nodes(ast.Call):
            if isinstance(x.func, ast.Name) and x.func.id == "isinstance":
                named = own & {y.id for y in ast.walk(x.args[1]) if isinstance(y, ast.Name)}
                found += [f"{path}:{x.lineno} {', '.join(sorted(named))}"] if named else []
        return found

    def many_parameters(self) -> list[str]:
        """List functions with more than `MANY` parameters; `self`, `*args` and `**settings` do not count."""
        return [f"{path}:{x.lineno} {x.name}" for path, x in self.nodes(ast.FunctionDef) if len(parameters(x)) > MANY]

    def named_arguments(self) -> tuple[int, int]:
        """Count the public functions of `FEW` or more arguments: those whose docstring has an Args section, and all.

        The arguments of `__init__` are the class's; a method without words of its own has those of its contract.
        """
        counts = Counter(
            "Args:" in words
            for _, home in self.nodes(ast.Module, ast.ClassDef)
            for x in home.body
            if isinstance(x, ast.FunctionDef) and len(parameters(x)) >= FEW and is_public(home, x)
            if (words := documentation(home, x)) is not None
        )
        return counts[True], counts.total()

    def twice(self) -> list[str]:
        """List public functions and classes that two modules define."""
        kinds = (ast.FunctionDef, ast.ClassDef)
        names = Counter(
            x.name for tree in self.trees.values() for x in tree.body if isinstance(x, kinds) and x.name[0] != "_"
        )
        return sorted(name for name, count in names.items() if count > 1)

    def long_tests(self) -> list[str]:
        """List files of tests of more than `LONG` lines."""
        paths = sorted((self.root / "tests").rglob("*.py"))
        return [str(path.relative_to(self.root)) for path in paths if len(path.read_text().splitlines()) > LONG]


def parameters(function: ast.FunctionDef) -> list[str]:
    """Return the names of a function's parameters, without the object itself and what stars gather."""
    own = function.args
    return [x.arg for x in (*own.posonlyargs, *own.args, *own.kwonlyargs) if x.arg not in ("self", "cls")]


def is_public(home: ast.AST, function: ast.FunctionDef) -> bool:
    """Return whether a stranger may call a function of a module or a class."""
    hidden = isinstance(home, ast.ClassDef) and home.name.startswith("_")
    return not hidden and (function.name == "__init__" or not function.name.startswith("_"))


def documentation(home: ast.AST, function: ast.FunctionDef) -> str | None:
    """Return the words about a function's arguments; None for a method that leaves them to its contract."""
    inherits = isinstance(home, ast.ClassDef) and function.name != "__init__"
    words = ast.get_docstring(home if function.name == "__init__" else function)
    return None if inherits and words is None else words or ""


def main() -> None:
    """Print the figures of the checkout that is named, by default of this one."""
    house = House(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    named, all_of_them = house.named_arguments()
    figures = {
        "lines outside models/ and nn/ with network.blocks": house.kernel_reaches(),
        "isinstance on own classes": house.asked_kinds(),
        f"functions with more than {MANY} parameters": house.many_parameters(),
        "public names defined twice": house.twice(),
        f"test files of more than {LONG} lines": house.long_tests(),
    }
    for name, found in figures.items():
        print(f"{name}: {len(found)}", *found, sep="\n    ")
    print(f"public functions of {FEW} or more arguments whose docstring names them: {named} of {all_of_them}")


if __name__ == "__main__":
    main()
