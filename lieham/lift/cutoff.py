"""Cutoffs let neighborhoods end smoothly at a radius."""

from __future__ import annotations

from lieham.errors import InputError, check_number, expected
from lieham.groups import Group
from lieham.typing import Float, Tensor


def cutoff(squared: Float[Tensor, "*batch"], radius: Tensor) -> Float[Tensor, "*batch"]:
    """Return (1 − u)³ (1 + 3u + 6u²) at u = min(|x|²/r², 1).

    The value is 1 at the center, and 0 from the radius on, as are its first two derivatives.

    Args:
        squared: squared distances |x|².
        radius: the radius r, a tensor of one number.
    """
    u = (squared / radius.square()).clamp(max=1.0)
    return (1 - u) ** 3 * (1 + u * (3 + 6 * u))


def cutoff_slope(squared: Float[Tensor, "*batch"], radius: Tensor) -> Float[Tensor, "*batch"]:
    """Return the derivative of `cutoff` by the squared distance, −30 u² (1 − u)²/r².

    Args:
        squared: squared distances |x|².
        radius: the radius r, a tensor of one number.
    """
    u = (squared / radius.square()).clamp(max=1.0)
    return -30 * (u * (1 - u)) ** 2 / radius.square()


def check_neighborhood(group: Group, radius: float | None, fill: float | None) -> None:
    """Raise InputError unless the group can have neighborhoods of this radius or of this fill.

    Args:
        group: the group of the lift; it must keep lengths if there is a neighborhood.
        radius: the radius of a neighborhood, positive and finite, or None.
        fill: the fraction of the other points within it, in (0, 1], or None; only one of the two may be given.
    """
    for name, value in (("radius", radius), ("fill", fill)):
        if value is not None:
            check_number(name, value)
    if radius is not None and fill is not None:
        raise InputError(f"radius and fill must not both be given, got radius={radius}, fill={fill}")
    if radius is not None and not 0 < radius < float("inf"):
        raise expected("radius", "positive and finite", radius)
    if fill is not None and not 0 < fill <= 1:
        raise expected("fill", "in (0, 1]", fill)
    if (radius is not None or fill is not None) and not bool(group.isometries.all()):
        raise InputError(f"radius and fill must go with a group that keeps lengths, got {group}")
