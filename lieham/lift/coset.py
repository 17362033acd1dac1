"""CosetLift: a kernel of squared lengths, for groups whose points have a stabiliser."""

from __future__ import annotations

from typing import ClassVar

from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.lift.one_element import OneElementLift


class CosetLift(OneElementLift):
    """The kernel lives on the double coset H\\G/H, for isometry groups with a stabiliser H: SE(d), SO(3).

    Averaging over H leaves squared lengths c = |x_i − x_j|² (and radii, for SO(3)), so nothing is sampled.
    The kernel's linear skip in c goes on beyond the data, where the radial functions flatten. A point is no neighbour
    of its own but with `own`, which marks its pair with itself by a coordinate and costs the n² ordered pairs.

    Raises InputError for a group that acts freely and has nothing to average over.
    """

    exact: ClassVar[bool] = True
    kind = "coset"

    def __init__(
        self,
        group: Group,
        radius: float | None = None,
        fill: float | None = None,
        bases: int = 12,
        own: bool = False,
    ):
        if group.acts_freely:
            raise InputError(f"lift must be PointLift for {group}, which acts freely, got CosetLift")
        if bases < 1:
            raise expected("bases", "at least 1", bases)
        super().__init__(group, radius, fill, bases, own)
