"""Configs, files and the command line write groups by their names, which this module reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from lieham.errors import expected
from lieham.groups.base import Group
from lieham.groups.euclidean import rigid_motions
from lieham.groups.helical import Helical
from lieham.groups.product import DirectProduct
from lieham.groups.rotation import rotation_group
from lieham.groups.scaling import Scaling, rotation_scalings, squeeze_scalings, squeezes
from lieham.groups.translation import Translation, Trivial

GROUPS: dict[str, Callable[[int], Group]] = {
    "Trivial": Trivial,
    "T": Translation,
    "SO": rotation_group,
    "SE": rigid_motions,
    "R*": Scaling,
    "R*SO": rotation_scalings,
    "Sq": squeezes,
    "R*Sq": squeeze_scalings,
}
"""Each family of groups has this constructor, which takes the dimension of space."""


def make_group(name: str | Group) -> Group:
    """Return the group that a name stands for.

    Args:
        name: a family of `GROUPS` with the dimension of space, such as "Trivial(2)", "T(3)", "SO(2)", "SE(3)" or
            "R*SO(2)"; "Helical(c)", the screws about z with a shift of c per radian; or names joined by "x", which
            is their direct product on orthogonal subspaces. A Group is returned as it is.

    Returns:
        The group.

    Raises:
        InputError: if the name is unknown, or the group is not built in that dimension.

    Example:
        >>> from lieham.groups import make_group
        >>> group = make_group("SO(2)xT(1)")
        >>> group, group.space_dim, group.charges
        (SO(2)xT(1), 3, ('L_z', 'P_z'))
        >>> make_group("SO(4)")
        Traceback (most recent call last):
        lieham.errors.InputError: dimension of SO must be one of (2, 3), got 4
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
