"""Settings of models and of training, as plain dataclasses: the command line reads them without importing torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import ClassVar, TypeVar

from lieham.errors import InputError, check_choice, expected

DTYPES = ("float32", "float64")
KINDS = ("HLieConv", "VectorPotentialLieConv")
OBSERVED = ("exact", "noisy", "positions")


@dataclass(frozen=True)
class ModelConfig:
    """What fixes the architecture of a model.

    Args:
        kind: HLieConv, H = K(p) + V(q), or VectorPotentialLieConv, for magnetic fields.
        group: the symmetry declared, such as SE(2), T(3), SO(2), Trivial(2).
        features: features of a body beside its mass; taken from the data by the command line.
        width: channels of the residual stream; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: gated or paper.
        lift: point, coset, edge or sampled; empty for point or coset, whichever the group allows, or edge where
            training finds that pairs do not hold the law.
        radius: where the neighbourhood of a body ends, smoothly, in the data's unit of length; nowhere by default.
        fill: the same by the fraction of other bodies within it, measured once on the training data.
        seed: of the initial weights.
        dtype: of the weights, float64 or float32.
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

    def __post_init__(self):
        for name, least in (("features", 0), ("width", 4), ("blocks", 1)):
            _at_least(self, name, least)
        check_choice("kind", self.kind, KINDS)
        check_choice("dtype", self.dtype, DTYPES)


@dataclass(frozen=True)
class CloudModelConfig:
    """What fixes the architecture of a classifier or a regressor.

    Args:
        width: channels before the first block; convolutions run on a quarter of them.
        blocks: number of LieConv blocks.
        block: paper or gated.
        lift: point, coset, edge or sampled; empty for point or coset, whichever the group allows.
        most: neighbours of a point at most, random ones within a ball; 0 for all points.
        fill: share of a cloud within the balls of the first block.
        keep: share of the points left after all blocks.
        nearest: the nearest neighbours in place of random ones.
        alpha: weight of a distance along the group against that across its orbits.
        growth: channels after all blocks over those before.
        norm: batch normalisation.
        mean: mean over the points in place of the sum; by default the sum where the target adds up over the points.
        kernel_dim: outputs of a kernel.
        seed: of the initial weights.
        dtype: of the weights, float32 or float64.
    """

    width: int = 32
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

    def __post_init__(self):
        check_choice("dtype", self.dtype, DTYPES)


@dataclass(frozen=True)
class TrainConfig:
    """How a Hamiltonian is fitted to trajectories.

    Args:
        steps: Adam steps, with a cosine schedule from `lr` to 0.
        refine: L-BFGS iterations after Adam, on a fixed set of windows; 0 for none.
        batch: windows in an Adam step.
        refine_windows: windows in the loss that L-BFGS minimises; all of them where there are no more.
        window: points in a window; window − 1 steps are compared.
        segment: steps integrated from one observed point before the next start (multiple shooting); 1 makes all
            steps of a window parallel, 0 means the full window from its first point.
        method: integrator of the loss; auto is rkn4 where H = K + V, else rk4.
        substeps: integrator steps between observed points.
        lr: Adam's first learning rate.
        clip: bound on the norm of the gradient.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        evaluate_every: Adam steps between validations; a run folder is given a checkpoint at each.
        patience: validations without improvement after which a stage ends; 0 for never.
        seed: of the windows drawn.
        linear: before Adam, solve for the weights in which the energy is linear, by least squares.
        tolerance: loss below which no further stage begins; a constant state has 2.
        compile: let torch.compile the force; half a minute at first, less for each step.
        products: bfloat16 for matrix products of Adam's steps in that precision (torch.autocast), on a GPU that is
            faster with it; weights, energies and the other stages stay in the model's own, float32. Empty for never.
        observed: exact, q and p as they are; noisy, both with noise; positions, q alone, with noise or without. For
            the latter two the initial state of every window is fitted together with the weights, in place of all
            other stages; longer windows then average more noise out. Empty for what the data say, else exact.
        device: cpu, cuda, ...; empty for the model's own.
        tensorboard: also write TensorBoard events into the run folder (extra `tensorboard`).
    """

    steps: int = 500
    refine: int = 200
    batch: int = 100
    refine_windows: int = 200
    window: int = 5
    segment: int = 1
    method: str = "auto"
    substeps: int = 1
    lr: float = 1e-2
    clip: float = 1.0
    ema: float = 0.95
    evaluate_every: int = 50
    patience: int = 0
    seed: int = 0
    linear: bool = True
    tolerance: float = 1e-6
    compile: bool = False
    products: str = ""
    observed: str = ""
    device: str = ""
    tensorboard: bool = False

    def __post_init__(self):
        least = {
            "steps": 0,
            "refine": 0,
            "batch": 1,
            "refine_windows": 1,
            "window": 2,
            "segment": 0,
            "substeps": 1,
            "evaluate_every": 1,
        }
        for name, value in (least | {"patience": 0}).items():
            _at_least(self, name, value)
        check_choice("products", self.products, ("", "bfloat16"))
        if self.observed:
            check_choice("observed", self.observed, OBSERVED)
        if not self.tolerance >= 0:
            raise expected("tolerance", "at least 0", self.tolerance)
        _check_adam(self)
        if self.segment and (self.window - 1) % self.segment:
            raise expected("segment", f"0 or a divisor of window - 1 = {self.window - 1}", self.segment)
        if self.steps + self.refine == 0:
            raise InputError("steps and refine must not both be 0: there would be nothing to do")


@dataclass(frozen=True)
class CloudTrainConfig:
    """How a classifier or a regressor is fitted to clouds of points.

    Args:
        steps: Adam steps, with a cosine schedule from `lr` to 0.
        batch: clouds in a step, drawn without replacement.
        lr: Adam's first learning rate.
        clip: bound on the norm of the gradient.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        evaluate_every: steps between validations; a run folder is given a checkpoint at each.
        patience: validations without improvement after which training ends; 0 for never.
        seed: of the batches, of the neighbours and of the augmentation.
        redraw: draw random neighbours and sampled elements anew before each step, as the paper does; where the draw is
            shared by a batch, the batch's statistics follow it, so False suits small neighbourhoods.
        products: bfloat16 for matrix products in that precision (torch.autocast), on a GPU; empty for never.
        device: cpu, cuda, ...; empty for the model's own.
        tensorboard: also write TensorBoard events into the run folder (extra `tensorboard`).
    """

    steps: int = 1000
    batch: int = 50
    lr: float = 3e-3
    clip: float = 1.0
    ema: float = 0.95
    evaluate_every: int = 100
    patience: int = 0
    seed: int = 0
    redraw: bool = True
    products: str = ""
    device: str = ""
    tensorboard: bool = False

    tolerance: ClassVar[float] = 0.0

    def __post_init__(self):
        for name, least in (("steps", 1), ("batch", 1), ("evaluate_every", 1), ("patience", 0)):
            _at_least(self, name, least)
        check_choice("products", self.products, ("", "bfloat16"))
        _check_adam(self)


Config = TypeVar("Config", "ModelConfig", "TrainConfig", "CloudTrainConfig")


def changed(config: Config, settings: dict) -> Config:
    """The config with some settings replaced; InputError on a name it does not have."""
    known = [f.name for f in fields(config)]
    for name in settings:
        check_choice("setting", name, known)
    return type(config)(**(asdict(config) | settings))


def _at_least(config: object, name: str, least: int) -> None:
    value = getattr(config, name)
    if value < least:
        raise expected(name, f"at least {least}", value)


def _check_adam(config: TrainConfig | CloudTrainConfig) -> None:
    for name in ("lr", "clip"):
        if not getattr(config, name) > 0:
            raise expected(name, "positive", getattr(config, name))
    if not 0 <= config.ema < 1:
        raise expected("ema", "in [0, 1)", config.ema)


DIGITS_MODEL = CloudModelConfig(64, 3, most=32, fill=0.04, keep=0.05, growth=4.0, kernel_dim=8)
DIGITS_TRAIN = CloudTrainConfig(steps=800, lr=1e-2, redraw=False)
QM9_MODEL = CloudModelConfig(128, 3)
QM9_TRAIN = CloudTrainConfig(steps=800, batch=64, lr=1e-2)
"""What `lieham train digits` and `lieham train qm9` do unless told otherwise."""
