"""Lie groups: the contract, the groups, and `make_group`, which finds one by its name."""

from __future__ import annotations

import re

from lieham.errors import expected
from lieham.groups.base import Group
from lieham.groups.euclidean import SE2, SE3, rigid_motions
from lieham.groups.rotation import SO2, SO3, rotations
from lieham.groups.translation import Translation, Trivial

GROUPS = {"Trivial": Trivial, "T": Translation, "SO": rotations, "SE": rigid_motions}
"""Name → constructor from the space dimension."""


def make_group(name: str | Group) -> Group:
    """The group called `name`, such as "Trivial(2)", "T(3)", "SO(2)", "SE(3)"; a Group is returned as it is.

    Raises InputError on an unknown name or a dimension in which the group is not built.
    """
    if isinstance(name, Group):
        return name
    match = re.fullmatch(r"([A-Za-z]+)\((\d+)\)", name.replace(" ", ""))
    if match is None or match[1] not in GROUPS:
        known = ", ".join(f"{key}(d)" for key in GROUPS)
        raise expected("group", f"one of {known} with the dimension for d, such as SE(2)", repr(name))
    return GROUPS[match[1]](int(match[2]))


__all__ = ["GROUPS", "SE2", "SE3", "SO2", "SO3", "Group", "Translation", "Trivial", "make_group"]
