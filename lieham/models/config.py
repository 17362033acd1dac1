"""Settings that fix the architecture of a model; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from lieham._support.settings import DTYPES, at_least
from lieham.errors import InputError, check_choice

KINDS = ("HLieConv", "VectorPotentialLieConv")


@dataclass(frozen=True)
class ModelConfig:
    """What fixes the architecture of a model.

    Args:
        kind: class of the model: HLieConv, H = K(p) + V(q), or VectorPotentialLieConv, for magnetic fields.
        group: symmetry that is declared, such as SE(2), T(3), SO(2), Trivial(2).
        features: number of features of a body beside its mass; the command line takes it from the data.
        width: channels of the residual stream, at least 4; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: kind of the blocks, gated or paper.
        lift: what is seen of a pair of bodies: point, coset, edge or sampled; empty for point or coset, whichever the
            group allows, or edge where training finds that pairs do not hold the law.
        radius: distance at which the neighbourhood of a body ends, smoothly, in the data's unit of length; nowhere by
            default.
        fill: fraction of the other bodies within the neighbourhood, measured once on the training data, in place of
            `radius`.
        seed: seed of the initial weights.
        dtype: precision of the weights, float64 or float32.
    """

    kind: str = "HLieConv"
    group: str = "SE(2)"
    features: int = 0
    width: int = 64
    blocks: int = 1
    block: str = "gated"
    lift: str | dict = ""
    radius: float | None = None
    fill: float | None = None
    seed: int = 0
    dtype: str = "float64"

    def __post_init__(self) -> None:
        for name, least in (("features", 0), ("width", 4), ("blocks", 1)):
            at_least(self, name, least)
        check_choice("kind", self.kind, KINDS)
        check_choice("dtype", self.dtype, DTYPES)


@dataclass(frozen=True)
class CloudModelConfig:
    """What fixes the architecture of a classifier or a regressor.

    Args:
        width: channels before the first block, at least 4; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: kind of the blocks, paper or gated.
        lift: what is seen of a pair of points: point, coset, edge (without neighbourhoods) or sampled (not exact);
            empty for point or coset, whichever the group allows.
        most: largest number of neighbours of a point, chosen at random within a ball; 0 for all points.
        fill: share of a cloud that the balls of the first block hold.
        keep: share of the points that is left after all blocks.
        nearest: whether the nearest neighbours are taken in place of random ones.
        alpha: weight of a distance along the group against that across its orbits.
        growth: channels after all blocks over those before them.
        norm: whether batches are normalised; in eval mode a cloud's output does not depend on its batch mates.
        mean: whether the mean over the points is taken in place of the sum; where nothing is said, `model_for` takes
            the sum for a target that adds up over the points.
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
        for name, least in (("width", 4), ("blocks", 1), ("kernel_dim", 1), ("growth", 1)):
            at_least(self, name, least)
        if self.most == 0 and (self.keep < 1 or self.fill < 1):
            got = f"got 0 with keep={self.keep}, fill={self.fill}"
            raise InputError(f"most must be positive where points are left out, {got}")
        check_choice("dtype", self.dtype, DTYPES)
