"""This module defines `lieham audit`, which checks a model, or any function, for the symmetry that it declares."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import isroutine
from pathlib import Path
from typing import Any

from lieham._support.names import GROUP_NAMES, naming
from lieham.cli.command import Command, show
from lieham.cli.kinds.trajectories import load_hamiltonian
from lieham.errors import InputError, check_choice, expected


@naming(groups=GROUP_NAMES)
@dataclass(frozen=True)
class CheckSymmetry(Command):
    """Check a model, or any function, for the symmetry it declares and all that conservation rests on.

    The exit code is 1 where something that was declared is broken.

    Args:
        target: run folder or file of a model, or module:callable for any function of positions q (b, n, d).
        group: symmetry that is declared, in dimension d: {groups}; by default the model's own.
        kind: what a callable computes: V, H or force.
        n_bodies: number of bodies in a configuration.
        count: number of random moves; the search for the worst tries 1,280 more.
        length: size of the configurations of a callable, in its unit of length.
        seed: seed of everything random.
        reach: factor by which configurations are made larger, up to this one; 1 leaves them at their length.
        json: print the checks as JSON.
    """

    target: str
    group: str | None = None
    kind: str = "V"
    n_bodies: int = 5
    count: int = 1000
    length: float = 1.0
    seed: int = 0
    reach: float = 1.0
    json: bool = False

    @classmethod
    def of_run(cls, folder: Path, config: dict[str, dict]) -> dict:
        return {"target": str(folder)}

    def __call__(self) -> int:
        from lieham.auditing import audit

        check_choice("kind", self.kind, ("V", "H", "force"))
        settings: dict[str, Any] = {"n_bodies": self.n_bodies, "count": self.count, "seed": self.seed}
        settings["reach"] = self.reach
        if ":" not in self.target or Path(self.target).exists():
            made = audit(load_hamiltonian(Path(self.target)), self.group, **settings)
        else:
            made = audit(_imported(self.target), self.group, kind=self.kind, length=self.length, **settings)
        show(made.as_dict(), self.json, lambda _: str(made))
        return 0 if made.sound else 1


def _imported(target: str) -> Callable:
    """Import the callable named module:callable; the module may lie in the working directory."""
    module, _, name = target.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"target must be a run, a model file or module:callable, got {target}: {error}") from error
    finally:
        sys.path.remove("")
    return _in_a_sentence(target, found) if isroutine(found) else found


def _in_a_sentence(target: str, function: Callable) -> Callable:
    """Return the same function, which raises InputError where it cannot take what an audit gives."""

    @wraps(function)
    def called(*arguments: object, **inputs: object) -> object:
        try:
            return function(*arguments, **inputs)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            wanted = "a function of tensors, first of positions q (b, n, d)"
            raise expected("target", wanted, f"{target}, which raised {type(error).__name__}: {error}") from error

    return called
