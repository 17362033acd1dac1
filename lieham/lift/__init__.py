"""Lifts map points to the pairs of group elements that a convolution sees, by means of the group alone."""

from lieham.lift.base import Drawn, Lift
from lieham.lift.coset import CosetLift
from lieham.lift.cutoff import cutoff
from lieham.lift.default import LIFTS, make_lift
from lieham.lift.near import NearPairs
from lieham.lift.pairs import ListedPairs, PairList, Pairs
from lieham.lift.point import PointLift
from lieham.lift.sampled import SampledLift
from lieham.lift.tensor import TensorLift

__all__ = [
    "LIFTS",
    "CosetLift",
    "Drawn",
    "Lift",
    "ListedPairs",
    "NearPairs",
    "PairList",
    "Pairs",
    "PointLift",
    "SampledLift",
    "TensorLift",
    "cutoff",
    "make_lift",
]
