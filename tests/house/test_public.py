"""What `import lieham` and `import systems` offer: pinned, documented, and nothing heavy before its use."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import lieham
import systems

LIEHAM = [
    "Bodies",
    "CloudDataset",
    "Conservation",
    "Dataset",
    "Forecast",
    "GeneralHamiltonian",
    "HLieConv",
    "Hamiltonian",
    "LieConvClassifier",
    "LieConvRegressor",
    "LiehamWarning",
    "PhaseState",
    "PointClouds",
    "SeparableHamiltonian",
    "Trajectory",
    "VectorPotentialLieConv",
    "audit",
    "conservation",
    "fit",
    "forecast",
    "infer_masses",
    "load_model",
    "make_group",
    "momentum_map",
    "predict",
    "read",
    "save_model",
    "scores",
    "__version__",
]
SYSTEMS = [
    *("SYSTEMS", "Bending", "ChargedParticles", "Coulomb", "DoubleSpringPendulum", "FallingSprings", "Gravity"),
    *("LennardJones", "MagneticSprings", "Morse", "Planets", "Springs", "System", "Yukawa"),
]
ROOT = Path(lieham.__file__).parent
STUB = ROOT / "__init__.pyi"


@cache
def modules() -> dict[str, ModuleType]:
    """Every module of both packages, but `__main__`, which runs."""
    names = ["lieham", "systems"]
    for package in (lieham, systems):
        names += [x.name for x in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return {name: importlib.import_module(name) for name in names if not name.endswith("__main__")}


def own(module: ModuleType) -> dict[str, object]:
    """The public classes and functions that a module defines."""
    kinds = {name: x for name, x in vars(module).items() if inspect.isclass(x) or inspect.isfunction(x)}
    return {name: x for name, x in kinds.items() if x.__module__ == module.__name__ and name[0] != "_"}


def public_methods(kind: type) -> list[str]:
    """Names of the methods and properties that a class defines; `forward` is a module's `__call__`."""
    plain = {k: getattr(x, "fget", None) or getattr(x, "__func__", x) for k, x in vars(kind).items()}
    return [k for k, x in plain.items() if inspect.isfunction(x) and k[0] != "_" and k != "forward"]


def test_the_public_names_are_these():
    assert sorted(lieham.__all__) == sorted(LIEHAM)
    assert sorted(systems.__all__) == sorted(SYSTEMS)


@pytest.mark.parametrize("name", LIEHAM)
def test_each_name_of_lieham_can_be_imported(name):
    space = {}
    exec(f"from lieham import {name}", space)
    assert space[name] is getattr(lieham, name)
    assert name in [*dir(lieham), "__version__"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_name_of_systems_can_be_imported(name):
    space = {}
    exec(f"from systems import {name}", space)
    assert space[name] is getattr(systems, name)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No lieham attribute Lieham"):
        _ = lieham.Lieham
    with pytest.raises(ImportError):
        exec("from lieham import Lieham", {})


def test_the_types_name_the_same_objects():
    """`__init__.pyi` is what editors and type checkers see in place of the lazy import."""
    imports = [x for x in ast.parse(STUB.read_text()).body if isinstance(x, ast.ImportFrom)]
    homes = {alias.asname: (x.module, alias.name) for x in imports for alias in x.names}
    assert sorted([*homes, "__version__"]) == sorted(LIEHAM)
    for name, (module, inner) in homes.items():
        assert getattr(importlib.import_module(f"lieham.{module}"), inner) is getattr(lieham, name)


IMPORTS = """
import sys
import {name}
heavy = "torch matplotlib h5py numpy scipy torchdiffeq safetensors jsonargparse rich yaml".split()
print([x for x in heavy if x in sys.modules], [x for x in sys.modules if x.startswith("lieham.")])
{then}
print("torch" in sys.modules, "matplotlib" in sys.modules)
"""


def test_importing_lieham_imports_nothing_else():
    """Nothing before a name is used, torch then, and matplotlib not even then."""
    code = IMPORTS.format(name="lieham", then="lieham.fit, lieham.forecast, lieham.conservation, lieham.HLieConv")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[] []", "True False"], done.stderr


def test_lieham_imports_systems_only_in_its_command_line():
    for path in ROOT.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        found = {x.module.split(".")[0] for x in nodes if isinstance(x, ast.ImportFrom) and x.module}
        found |= {alias.name.split(".")[0] for x in nodes if isinstance(x, ast.Import) for alias in x.names}
        assert "systems" not in found or "cli" in path.parts, path
    assert any("from systems" in path.read_text() for path in (ROOT / "cli").glob("*.py"))


def test_every_module_class_and_function_is_documented():
    missing = [name for name, module in modules().items() if not module.__doc__]
    for name, module in modules().items():
        missing += [f"{name}.{x}" for x, thing in own(module).items() if not thing.__doc__]
    assert missing == []


def test_every_public_method_is_documented():
    """A method without words of its own must be one that its base documents."""
    found = [x for module in modules().values() for x in own(module).values() if inspect.isclass(x)]
    methods = {f"{kind.__name__}.{name}": getattr(kind, name) for kind in found for name in public_methods(kind)}
    assert "Conservation.plot" in methods and "Trajectory.n_steps" in methods
    assert [name for name, x in methods.items() if not inspect.getdoc(x)] == []


@pytest.mark.parametrize("name", [name for name in LIEHAM if not name.startswith("__")])
def test_a_public_name_has_words_for_a_stranger(name):
    """A whole sentence first, its arguments where it takes any, and an example that runs (see the next test)."""
    thing = getattr(lieham, name)
    words = inspect.getdoc(thing) or ""
    first = words.split("\n\n")[0]
    assert first[:1].isupper() and first.endswith((".", ":"))
    assert "Args:" in words or name == "Hamiltonian", "a subclass of it gives `energy`"
    assert ">>> " in words and "doctest: +SKIP" not in words


def test_the_examples_in_docstrings_run():
    tried = 0
    for module in modules().values():
        result = doctest.testmod(module, verbose=False)
        assert result.failed == 0, module.__name__
        tried += result.attempted
    assert tried, "there are some"


def test_the_version_is_that_of_the_package():
    import importlib.metadata

    assert lieham.__version__ == importlib.metadata.version("lieham")


def test_public_init_is_short():
    """The public names are read at a glance."""
    assert len((ROOT / "__init__.py").read_text().splitlines()) <= 50
