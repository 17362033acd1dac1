"""A family of groups is built in some dimensions, and names them where another one is asked for."""

from __future__ import annotations

from lieham.errors import expected


def check_dim(name: str, dim: int, allowed: tuple[int, ...]) -> int:
    """Return `dim` if the group exists there; raise InputError otherwise.

    Args:
        name: the family of the group, for the message of the error.
        dim: the dimension asked for.
        allowed: the dimensions in which the group exists.
    """
    if dim not in allowed:
        raise expected(f"dimension of {name}", f"one of {allowed}", dim)
    return dim


def check_least(name: str, dim: int, least: int) -> int:
    """Return `dim` if it is at least `least`; raise InputError otherwise.

    Args:
        name: the family of the group, for the message of the error.
        dim: the dimension asked for.
        least: the smallest dimension in which the group is built.
    """
    if dim < least:
        raise expected(f"dimension of {name}", f"at least {least}", dim)
    return dim
