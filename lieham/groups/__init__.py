"""Lie groups: the contract, the groups, and `make_group`, which finds one by its name."""

from __future__ import annotations

import re

from lieham.errors import expected
from lieham.groups.base import Group
from lieham.groups.custom import CustomGroup
from lieham.groups.euclidean import SE2, SE3, rigid_motions
from lieham.groups.helical import Helical
from lieham.groups.product import DirectProduct
from lieham.groups.rotation import SO2, SO3, rotation_group
from lieham.groups.scaling import Scaling, rotation_scalings, squeeze_scalings, squeezes
from lieham.groups.translation import Translation, Trivial

GROUPS = {
    "Trivial": Trivial,
    "T": Translation,
    "SO": rotation_group,
    "SE": rigid_motions,
    "R*": Scaling,
    "R*SO": rotation_scalings,
    "Sq": squeezes,
    "R*Sq": squeeze_scalings,
}
"""Name → constructor from the space dimension."""


def make_group(name: str | Group) -> Group:
    """The group called `name`, such as "Trivial(2)", "T(3)", "SO(2)", "SE(3)", "R*SO(2)"; a Group is returned as it is.

    "SO(2)xT(1)" is the direct product that acts on R² ⊕ R¹, "Helical(c)" the screws about z with shift c per radian.
    Raises InputError on an unknown name or a dimension in which the group is not built.
    """
    if isinstance(name, Group):
        return name
    factors = name.replace(" ", "").replace("×", "x").split("x")
    if len(factors) > 1:
        return DirectProduct(*(make_group(factor) for factor in factors))
    match = re.fullmatch(r"Helical\(([-+.\de]+)\)", factors[0])
    if match is not None and _is_number(match[1]):
        return Helical(float(match[1]))
    match = re.fullmatch(r"([A-Za-z*]+)\((\d+)\)", factors[0])
    if match is None or match[1] not in GROUPS:
        known = ", ".join(f"{key}(d)" for key in GROUPS)
        raise expected("group", f"one of {known} with the dimension for d, Helical(c), or a product", repr(name))
    return GROUPS[match[1]](int(match[2]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


__all__ = [
    "GROUPS",
    "SE2",
    "SE3",
    "SO2",
    "SO3",
    "CustomGroup",
    "DirectProduct",
    "Group",
    "Helical",
    "Scaling",
    "Translation",
    "Trivial",
    "make_group",
]
