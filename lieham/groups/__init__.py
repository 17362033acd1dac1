"""Lie groups obey one contract, and `make_group` finds a group by its name."""

from lieham.groups.base import Group
from lieham.groups.custom import CustomGroup
from lieham.groups.euclidean import SE2, SE3, SpecialEuclidean
from lieham.groups.helical import Helical
from lieham.groups.mirror import Mirrored
from lieham.groups.names import GROUPS, make_group
from lieham.groups.product import DirectProduct
from lieham.groups.rotation import SO2, SO3, SpecialOrthogonal
from lieham.groups.scaling import Scaling
from lieham.groups.translation import Translation, Trivial

__all__ = [
    "GROUPS",
    "SE2",
    "SE3",
    "SO2",
    "SO3",
    "CustomGroup",
    "DirectProduct",
    "Group",
    "Helical",
    "Mirrored",
    "Scaling",
    "SpecialEuclidean",
    "SpecialOrthogonal",
    "Translation",
    "Trivial",
    "make_group",
]
