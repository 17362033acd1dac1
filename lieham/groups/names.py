"""Configs, files and the command line write groups by their names, which this module reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from lieham.errors import expected
from lieham.groups.base import Group
from lieham.groups.euclidean import rigid_motions
from lieham.groups.helical import Helical
from lieham.groups.mirror import euclidean_group, orthogonal_group
from lieham.groups.product import DirectProduct
from lieham.groups.rotation import rotation_group
from lieham.groups.scaling import Scaling, rotation_scalings, squeeze_scalings, squeezes
from lieham.groups.translation import Translation, Trivial

GROUPS: dict[str, Callable[[int], Group]] = {
    "Trivial": Trivial,
    "T": Translation,
    "SO": rotation_group,
    "SE": rigid_motions,
    "O": orthogonal_group,
    "E": euclidean_group,
    "R*": Scaling,
    "R*SO": rotation_scalings,
    "Sq": squeezes,
    "R*Sq": squeeze_scalings,
}
"""Each family of groups has this constructor, which takes the dimension of space."""


def make_group(name: str | Group) -> Group:
    """Return the group that a name stands for.

    Args:
        name: a family of `GROUPS` with the dimension of space, such as "Trivial(2)", "T(3)", "SO(2)", "SE(3)", "E(3)"
            or "R*SO(2)"; "Helical(c)", the screws about z with a shift of c per radian; or names joined by "x", which
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
        >>> make_group("SO(1)")
        Traceback (most recent call last):
        lieham.errors.InputError: dimension of SO must be at least 2, got 1
    """
    if isinstance(name, Group):
        return name
    if not isinstance(name, str):
        raise expected("group", 'a name such as "SE(2)", or a Group', repr(name))
    factors = name.replace(" ", "").replace("×", "x").split("x")
    if len(factors) > 1:
        return DirectProduct(*(_of_family(factor, name) for factor in factors))
    return _of_family(factors[0], name)


def _of_family(factor: str, name: str) -> Group:
    """Return the group of one factor of a name; raise InputError, with the nearest name that there is, for another."""
    match = re.fullmatch(r"Helical\(([-+.\de]+)\)", factor)
    if match is not None and _is_number(match[1]):
        return Helical(float(match[1]))
    match = re.fullmatch(r"([A-Za-z*]+)\((\d+)\)", factor)
    if match is None or match[1] not in GROUPS:
        known = ", ".join(f"{key}(d)" for key in GROUPS)
        got = repr(name) if factor == name else f"{factor!r} in {name!r}"
        wanted = f"one of {known} with the dimension for d, Helical(c), or a product"
        raise expected("group", wanted, f"{got}{_remedy(factor)}")
    return GROUPS[match[1]](int(match[2]))


def _remedy(factor: str) -> str:
    """Return what a person who typed this may have meant, as the end of a message, or nothing."""
    match = re.fullmatch(r"([A-Za-z*]+)\(?(\d+)\)?", factor)
    if match is None:
        return ""
    near = next((f"{key}({match[2]})" for key in GROUPS if key.lower() == match[1].lower()), "")
    return f": say {near}" if near else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
