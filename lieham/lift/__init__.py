"""Lifts: from points to the pairs that a convolution sees, through the group alone."""

from __future__ import annotations

import copy

from lieham.errors import InputError, check_choice
from lieham.groups import Group
from lieham.lift.base import Drawn, Lift
from lieham.lift.coset import CosetLift
from lieham.lift.cutoff import cutoff
from lieham.lift.edge import EdgeLift
from lieham.lift.near import NearPairs
from lieham.lift.pairs import Pairs
from lieham.lift.point import PointLift
from lieham.lift.sampled import SampledLift

LIFTS: dict[str, type[Lift]] = {lift.kind: lift for lift in (PointLift, CosetLift, EdgeLift, SampledLift)}
"""Every lift by its name."""


def make_lift(lift: str | Lift | dict | None, group: Group, **settings: object) -> Lift:
    """The lift of this name for `group`; None or "" is PointLift or CosetLift, whichever the group allows.

    `settings` are those of the lift: radius, fill, bases, samples. A Lift is copied, a dict holds settings, and the
    name as `kind`, like `Lift.settings`.
    Raises InputError for an unknown name, a lift that is not of `group`, and settings that the lift does not have.
    """
    if isinstance(lift, Lift):
        if any(value is not None for value in settings.values()):
            raise InputError(f"settings ({', '.join(settings)}) belong to the lift given: set them there")
        if lift.group.name != group.name:
            raise InputError(f"lift must be one of {group}, got {lift}")
        return copy.deepcopy(lift)
    if isinstance(lift, dict):
        settings, lift = {k: v for k, v in lift.items() if k != "kind"}, lift.get("kind")
    kind = check_choice("lift", lift or ("point" if group.acts_freely else "coset"), tuple(LIFTS))
    try:
        return LIFTS[kind](group, **settings)
    except TypeError as error:
        raise InputError(f"lift {kind} has no such setting: {error}") from None


__all__ = [
    "LIFTS",
    "CosetLift",
    "Drawn",
    "EdgeLift",
    "Lift",
    "NearPairs",
    "Pairs",
    "PointLift",
    "SampledLift",
    "cutoff",
    "make_lift",
]
