"""This module changes settings, which are frozen dataclasses, and checks their numbers."""

from __future__ import annotations

from dataclasses import asdict, fields
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


def at_least(config: object, name: str, least: int) -> None:
    """Raise InputError if the setting `name` of a config is less than `least`."""
    value = getattr(config, name)
    if value < least:
        raise expected(name, f"at least {least}", value)
