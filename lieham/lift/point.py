"""`PointLift` lifts each point to one element, for groups that act freely; CosetLift serves the other groups."""

from __future__ import annotations

from lieham.errors import InputError, check_flag, check_integer, expected
from lieham.groups import Group
from lieham.lift.one_element import OneElementLift


class PointLift(OneElementLift):
    """A lift that maps each point to one group element, for groups that act freely.

    Such groups are T(d), Trivial, and SO(2) off the origin.

    The pair coordinates embed g_j⁻¹ g_i and both orbits. Finzi et al. 2020, arXiv 2002.12880, section 4.2.

    Args:
        group: a group that acts freely.
        radius: see `Lift`.
        fill: see `Lift`.
        bases: the number of scales of the radial functions. With 0 the kernel sees the pair coordinates alone, as in
            the paper.
        own: True for a coordinate that marks the pair of a point with itself, so that a sum over pairs can represent
            the energy of a single body at any position.

    Raises:
        InputError: if the points of the group have a stabiliser, since one element for each point would then not be
            invariant, or if `bases` is negative.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import PointLift
        >>> pairs = PointLift(make_group("T(1)"))(torch.tensor([[0.0], [2.0]]), torch.ones(2, dtype=torch.bool))
        >>> pairs.coordinates[..., 0]
        tensor([[ 0., -2.],
                [ 2.,  0.]])
    """

    exact = True
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
        check_integer("bases", bases)
        check_flag("own", own)
        if bases < 0:
            raise expected("bases", "at least 0", bases)
        super().__init__(group, radius, fill, int(bases), own)
