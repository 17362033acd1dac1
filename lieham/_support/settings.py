"""This module changes settings, which are frozen dataclasses, and checks their numbers."""

from __future__ import annotations

from dataclasses import asdict, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from lieham.errors import check_choice, expected

DTYPES = ("float32", "float64")

OBSERVED = ("exact", "noisy", "positions")
"""States are observed in one of these ways: q and p exactly, both with noise, or q alone."""


@runtime_checkable
class AnyDataclass(Protocol):
    """A type that every instance of a dataclass has."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Config = TypeVar("Config", bound=AnyDataclass)
"""This variable stands for the type of a frozen dataclass of settings."""


def changed(config: Config, settings: dict) -> Config:
    """Return the config with some of its settings replaced.

    Args:
        config: a dataclass of settings.
        settings: the new values of the settings to replace, by name.

    Returns:
        A new config of the same type.

    Raises:
        InputError: the config has no setting of such a name.
    """
    known = [f.name for f in fields(config)]
    for name in settings:
        check_choice("setting", name, known)
    return type(config)(**(asdict(config) | settings))


WORDS = {"int": "an integer", "float": "a number", "str": "text", "bool": "True or False", "dict": "a dictionary"}
"""These words describe, in messages, the types that a setting may have."""


def check_types(config: AnyDataclass) -> None:
    """Raise InputError, which names the setting, unless every value has the type that its field is annotated with.

    Numbers of numpy become Python's own, so that the settings can be written to a file. Fields of other types than
    those of `WORDS`, alone or in a union, are not looked at. A config calls this first in `__post_init__`.

    Args:
        config: a frozen dataclass, in a module that postpones the evaluation of annotations.
    """
    for f in fields(config):
        kinds, value = str(f.type).split(" | "), getattr(config, f.name)
        if not set(kinds) <= {*WORDS, "None"} or (value is None and "None" in kinds):
            continue
        found = next((kind for kind in kinds if kind in WORDS and _has_type(value, kind)), None)
        if found is None:
            raise expected(f.name, " or ".join(WORDS[kind] for kind in kinds if kind in WORDS), repr(value))
        if found in ("int", "float"):
            object.__setattr__(config, f.name, int(value) if isinstance(value, Integral) else float(value))


def _has_type(value: object, kind: str) -> bool:
    """Return whether a value has the type of that name; True and False are no numbers, text is none either."""
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    return isinstance(value, {"int": Integral, "float": Real, "str": str, "dict": dict}[kind])


def at_least(config: object, name: str, least: int) -> None:
    """Raise InputError if the setting `name` of a config is less than `least`."""
    value = getattr(config, name)
    if value < least:
        raise expected(name, f"at least {least}", value)
