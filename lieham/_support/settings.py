"""Settings as frozen dataclasses: how one is changed, and how its numbers are checked."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TypeVar

from lieham.errors import check_choice, expected

DTYPES = ("float32", "float64")


Config = TypeVar("Config")
"""A frozen dataclass of settings."""


def changed(config: Config, settings: dict) -> Config:
    """The config with some settings replaced; InputError on a name it does not have."""
    known = [f.name for f in fields(config)]
    for name in settings:
        check_choice("setting", name, known)
    return type(config)(**(asdict(config) | settings))


def at_least(config: object, name: str, least: int) -> None:
    """Raise InputError where a setting is less than `least`."""
    value = getattr(config, name)
    if value < least:
        raise expected(name, f"at least {least}", value)
