"""The classes here hold the settings that fix the architecture of a model; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from lieham._support.names import GROUP_NAMES, LIFT_NAMES, naming
from lieham._support.settings import DTYPES, at_least, check_types
from lieham.errors import InputError, check_choice

KINDS = ("HLieConv", "VectorPotentialLieConv")


@naming(groups=GROUP_NAMES, lifts=LIFT_NAMES)
@dataclass(frozen=True)
class ModelConfig:
    """Settings that fix the architecture of a Hamiltonian.

    Args:
        kind: class of the model: HLieConv, H = K(p) + V(q), or VectorPotentialLieConv, for magnetic fields.
        group: symmetry that is declared, in dimension d: {groups}; empty for SE(d) in 2 or 3 dimensions and T(d) in
            others, for Trivial(d) where the data are of a single body, on which those allow no force, and for SO(2) or
            SO(2)xT(1) in a VectorPotentialLieConv.
        features: number of features of a body beside its mass; the command line takes it from the data.
        width: number of channels of the residual stream; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: kind of block, gated or paper.
        lift: name of the lift, or its settings: {lifts}; empty for point or coset, whichever the group allows, or
            tensor where training finds that pairs do not hold the law.
        radius: distance at which the neighbourhood of a body ends, smoothly, in the data's unit of length; nowhere by
            default.
        fill: fraction of other bodies within the neighbourhood, from which its radius is measured once on the training
            data; an alternative to the radius.
        seed: seed of the initial weights.
        dtype: precision of the weights, float64 or float32.
        uniform_field: true to learn one acceleration that the environment gives all bodies, axes such as z to learn it
            along these alone, or numbers such as 0,0,-9.81 to give it; none by default.
        feature_functions: true to give the network functions of mass and features beside them, such as roots and
            logarithms, and indicators of few values; or a list of them for the mass and each feature.
    """

    kind: str = "HLieConv"
    group: str = ""
    features: int = 0
    width: int = 64
    blocks: int = 1
    block: str = "gated"
    lift: str | dict = ""
    radius: float | None = None
    fill: float | None = None
    seed: int = 0
    dtype: str = "float64"
    uniform_field: bool | str = ""
    feature_functions: bool | list = False

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in (("features", 0), ("width", 4), ("blocks", 1)):
            at_least(self, name, least)
        check_choice("kind", self.kind, KINDS)
        check_choice("dtype", self.dtype, DTYPES)


@naming(lifts=LIFT_NAMES)
@dataclass(frozen=True)
class CloudModelConfig:
    """Settings that fix the architecture of a classifier or a regressor.

    Args:
        width: number of channels before the first block; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: kind of block, paper or gated.
        lift: name of the lift, or its settings: {lifts}; empty for tensor with rigid motions in 2 and 3 dimensions,
            and for point or coset, whichever the group allows, with others.
        most: number of neighbours of a point at most, drawn at random within a ball; 0 for all points.
        fill: share of a cloud that lies within the balls of the first block.
        keep: share of the points that is left after all blocks.
        nearest: take the nearest neighbours in place of random ones.
        alpha: weight of a distance along the group against that across its orbits.
        growth: ratio of the number of channels after all blocks to that before.
        norm: apply batch normalisation.
        mean: take the mean over the points in place of the sum; by default the sum where the target adds up over the
            points.
        kernel_dim: number of outputs of a kernel.
        seed: seed of the initial weights.
        dtype: precision of the weights, float32 or float64.
    """

    width: int = 64
    blocks: int = 4
    block: str = "paper"
    lift: str | dict = ""
    most: int = 0
    fill: float = 1.0
    keep: float = 1.0
    nearest: bool = False
    alpha: float = 0.5
    growth: float = 1.0
    norm: bool = True
    mean: bool | None = None
    kernel_dim: int = 16
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in (("width", 4), ("blocks", 1), ("kernel_dim", 1), ("growth", 1)):
            at_least(self, name, least)
        if self.most == 0 and (self.keep < 1 or self.fill < 1):
            got = f"got 0 with keep={self.keep}, fill={self.fill}"
            raise InputError(f"most must be positive where points are left out, {got}")
        check_choice("dtype", self.dtype, DTYPES)
