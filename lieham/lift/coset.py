"""`CosetLift` gives a kernel squared lengths to see, for groups whose points have a stabiliser."""

from __future__ import annotations

from lieham.errors import InputError, check_flag, check_integer, expected
from lieham.groups import Group
from lieham.lift.one_element import OneElementLift


class CosetLift(OneElementLift):
    """A lift that maps a pair to the double coset H\\G/H, for isometry groups with a stabiliser H: SE(d), E(d), O(d)
    and SO(d) from three dimensions on.

    Averaging a kernel over H leaves squared lengths c = |x_i − x_j|² (about the origin the radii too), so nothing is
    sampled. The kernel's linear skip in c goes on beyond the data, where the radial functions flatten.

    Args:
        group: a group that does not act freely.
        radius: see `Lift`.
        fill: see `Lift`.
        bases: the number of scales of the radial functions, at least 1.
        own: a point is a neighbor of itself, and a coordinate marks that pair. This costs the n² ordered pairs; by
            default a point is no neighbor of itself and each pair is computed once.

    Raises:
        InputError: if the group acts freely, so that there is nothing to average over, or `bases` is below 1.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import CosetLift
        >>> triangle = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
        >>> pairs = CosetLift(make_group("SE(2)"))(triangle, torch.ones(3, dtype=torch.bool))
        >>> pairs.coordinates.flatten()
        tensor([ 9., 16., 25.])
    """

    exact = True
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
        check_integer("bases", bases)
        check_flag("own", own)
        if bases < 1:
            raise expected("bases", "at least 1", bases)
        super().__init__(group, radius, fill, int(bases), own)
