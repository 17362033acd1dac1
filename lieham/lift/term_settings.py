"""The settings of the terms of many bodies are checked here, before a `TensorLift` keeps them."""

from __future__ import annotations

from lieham.errors import InputError, check_flag, check_integer, expected
from lieham.groups import Group

ORDERS = (2, 3, 4)
"""Energies of so many bodies can be represented."""


def check_terms(group: Group, sizes: dict[str, int | None], near: float, hand: bool) -> None:
    """Raise InputError where a group has no such terms, or a setting is out of range.

    Args:
        group: the group.
        sizes: the settings order, level and bases by their names.
        near: the share of pairs that sets the scale.
        hand: whether terms tell left from right.
    """
    if not group.rigid:
        raise InputError(f"lift must be PointLift or CosetLift for {group}, got TensorLift: it is for SE(d), E(d)")
    for name, least in (("order", 2), ("level", 1), ("bases", 1)):
        value = sizes[name]
        if value is None:
            continue
        check_integer(name, value)
        if value < least:
            raise expected(name, f"at least {least}", value)
    if sizes["order"] not in ORDERS:
        raise expected("order", "2, 3 or 4 bodies", sizes["order"])
    if not 0 < near < 1:
        raise expected("near", "a share of pairs between 0 and 1", near)
    check_flag("hand", hand)
    if hand and (group.reflections or group.space_dim > 3):
        raise InputError(f"hand must be False for {group}, got True: it is for SE(2) and SE(3)")
    if hand and sizes["order"] <= group.space_dim:
        raise expected("order", f"{group.space_dim + 1} or more with hand=True for {group}", sizes["order"])
