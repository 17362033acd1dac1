"""Lifts with one element a point: PointLift for groups that act freely, CosetLift for the others."""

from __future__ import annotations

from typing import ClassVar

from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.lift.one_element import OneElementLift


class PointLift(OneElementLift):
    """One group element a point, for groups that act freely: T(d), Trivial, SO(2) off the origin.

    The pair coordinates embed g_j⁻¹ g_i and both orbits (Finzi et al. 2020, arXiv 2002.12880, section 4.2); with
    `bases=0` they are all that the kernel sees, as in the paper. `own` marks the pair of a point with itself by a
    coordinate: of what a body has without others, such as its charge, a sum over pairs then need not tell by position.
    Raises InputError for a group whose points have a stabiliser: one element a point would not be invariant.
    """

    exact: ClassVar[bool] = True
    kind = "point"

    def __init__(
        self,
        group: Group,
        radius: float | None = None,
        fill: float | None = None,
        bases: int = 12,
        own: bool = False,
    ):
        if not group.acts_freely:
            raise InputError(f"lift must be CosetLift for {group}, whose points have a stabiliser, got PointLift")
        if bases < 0:
            raise expected("bases", "at least 0", bases)
        super().__init__(group, radius, fill, bases, own)
