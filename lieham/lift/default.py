"""`make_lift` builds a lift from its name, or the default lift of a group where no name is given."""

from __future__ import annotations

import copy
from inspect import signature
from typing import Any

from lieham.errors import InputError, check_choice
from lieham.groups import Group
from lieham.lift.base import Lift
from lieham.lift.coset import CosetLift
from lieham.lift.point import PointLift
from lieham.lift.sampled import SampledLift
from lieham.lift.tensor import TensorLift

LIFTS: dict[str, type[Lift]] = {lift.kind: lift for lift in (PointLift, CosetLift, TensorLift, SampledLift)}
"""This dictionary maps the name of every lift to its class."""


def default_kind(group: Group) -> str:
    """Return the name of the lift that is exact for `group` and has one element for each point."""
    return PointLift.kind if group.acts_freely else CosetLift.kind


def make_lift(lift: str | Lift | dict | None, group: Group, **settings: Any) -> Lift:
    """Return a lift for `group`.

    Args:
        lift: a name in `LIFTS`; None or "" for the default of the group (`default_kind`); a dict like
            `Lift.settings`, with the name as `kind`; or a Lift, which is copied.
        group: the group that is lifted to.
        settings: settings of the lift, such as radius, fill, bases or samples.

    Returns:
        A new lift.

    Raises:
        InputError: if the name is unknown, if the lift belongs to another group, if it has no such setting, or if a
            setting has another type or is out of range.

    Example:
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> make_lift(None, make_group("SE(3)"), radius=2.0)
        CosetLift(SE(3), radius=2.0, bases=12, own=False)
    """
    if isinstance(lift, Lift):
        if any(value is not None for value in settings.values()):
            raise InputError(f"settings ({', '.join(settings)}) belong to the lift given: set them there")
        if lift.group.name != group.name:
            raise InputError(f"lift must be one of {group}, got {lift}")
        return copy.deepcopy(lift)
    given = {name: value for name, value in settings.items() if value is not None}
    if isinstance(lift, dict):
        given, lift = _joined(lift, given), lift.get("kind")
    kind = check_choice("lift", lift or default_kind(group), tuple(LIFTS))
    known = tuple(signature(LIFTS[kind]).parameters)[1:]
    for name in given:
        if name not in known:
            raise InputError(f"lift {kind} has no such setting as {name}: it has {', '.join(known)}")
    return LIFTS[kind](group, **given)


def _joined(lift: dict, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a lift's dictionary and those beside it; raise InputError where they disagree."""
    own = {name: value for name, value in lift.items() if name != "kind"}
    for name, value in given.items():
        if own.get(name, value) not in (None, value):
            raise InputError(f"{name} must be given once, got {value!r} beside {own[name]!r} in the lift")
    return own | given
