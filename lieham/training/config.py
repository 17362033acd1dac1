"""Settings of training; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lieham._support.names import METHODS, naming
from lieham._support.settings import OBSERVED, at_least, check_types
from lieham.errors import InputError, check_choice, expected


@naming(methods=METHODS)
@dataclass(frozen=True)
class TrainConfig:
    """Settings that say how a Hamiltonian is fitted to trajectories.

    Args:
        steps: number of Adam steps, with a cosine schedule of the learning rate from `lr` to 0; 0 for none.
        refine: number of L-BFGS iterations after Adam, on a fixed set of windows; 0 for none. With 0 steps too, the
            ridge regression is all that is done.
        batch: number of windows in an Adam step.
        refine_windows: number of windows in the loss that L-BFGS minimises; all of them where there are no more.
        window: number of points in a window; window − 1 steps are compared.
        segment: number of steps integrated from one observed point before the next start (multiple shooting); 1 makes
            all steps of a window parallel, 0 means the full window from its first point.
        method: integrator of the loss: auto, {methods}; auto is rkn4 where H = K + V, else rk4.
        substeps: number of integrator steps between observed points; 0 for as many as the accuracy of the fit needs.
        lr: learning rate with which Adam begins.
        clip: bound on the norm of the gradient.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        evaluate_every: number of Adam steps between validations; a run folder is given a checkpoint at each.
        patience: number of validations without improvement after which a stage ends; 0 for never.
        seed: seed of the windows drawn.
        ridge: solve a ridge regression for the weights in which the energy is linear, before Adam.
        tolerance: loss below which no further stage begins; a constant state has 2. With 0 every stage begins, and none
            is stopped since it cannot pay.
        minutes: time after which gradients stop where a ridge regression has left a result, so that they are an attempt
            to improve on it; it counts over interruptions. 0 for no limit. Without a regression `steps` and `refine`
            alone bound the time.
        compile: let torch.compile the force, which takes half a minute at first and less time for each step.
        products: precision of the matrix products of Adam's steps (torch.autocast): bfloat16 on a GPU that is faster
            with it; weights, energies and the other stages stay in the model's own, float32. Empty for that one too.
        observed: what the data show: exact, q and p as they are; noisy, both with noise; positions, q alone, with noise
            or without. For the latter two the initial state of every window is fitted together with the weights, in
            place of all other stages; longer windows then average more noise out. Empty for what the data say.
        device: device to train on, such as cpu or cuda; empty for the model's own.
        tensorboard: write TensorBoard events into the run folder too (extra `tensorboard`).
    """

    steps: int = 500
    refine: int = 200
    batch: int = 100
    refine_windows: int = 200
    window: int = 5
    segment: int = 1
    method: str = "auto"
    substeps: int = 0
    lr: float = 1e-2
    clip: float = 1.0
    ema: float = 0.95
    evaluate_every: int = 50
    patience: int = 0
    seed: int = 0
    ridge: bool = True
    tolerance: float = 1e-6
    minutes: float = 3.0
    compile: bool = False
    products: str = ""
    observed: str = ""
    device: str = ""
    tensorboard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", str(self.device))  # a torch.device too, which no file could hold
        check_types(self)
        least = {
            "steps": 0,
            "refine": 0,
            "batch": 1,
            "refine_windows": 1,
            "window": 2,
            "segment": 0,
            "substeps": 0,
            "evaluate_every": 1,
        }
        for name, value in (least | {"patience": 0}).items():
            at_least(self, name, value)
        check_choice("products", self.products, ("", "bfloat16"))
        if self.observed:
            check_choice("observed", self.observed, OBSERVED)
        for name in ("tolerance", "minutes"):
            if not getattr(self, name) >= 0:
                raise expected(name, "at least 0", getattr(self, name))
        check_adam(self)
        if self.segment and (self.window - 1) % self.segment:
            raise expected("segment", f"0 or a divisor of window - 1 = {self.window - 1}", self.segment)
        if self.steps + self.refine == 0 and not self.ridge:
            raise InputError("steps and refine must not both be 0 where ridge=False: there would be nothing to do")


@dataclass(frozen=True)
class CloudTrainConfig:
    """Settings that say how a classifier or a regressor is fitted to clouds of points.

    Args:
        steps: number of Adam steps, with a cosine schedule of the learning rate from `lr` to 0.
        batch: number of clouds in a step, drawn without replacement.
        lr: learning rate with which Adam begins.
        clip: bound on the norm of the gradient.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        evaluate_every: number of steps between validations; a run folder is given a checkpoint at each.
        patience: number of validations without improvement after which training ends; 0 for never.
        seed: seed of the batches, of the neighbours and of the augmentation.
        redraw: draw random neighbours and sampled elements anew before each step, as the paper does; where the draw is
            shared by a batch, the batch's statistics follow it, so False suits small neighbourhoods.
        products: precision of matrix products (torch.autocast): bfloat16 on a GPU; empty for the model's own.
        device: device to train on, such as cpu or cuda; empty for the model's own.
        tensorboard: write TensorBoard events into the run folder too (extra `tensorboard`).
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
    minutes: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", str(self.device))  # a torch.device too, which no file could hold
        check_types(self)
        for name, least in (("steps", 1), ("batch", 1), ("evaluate_every", 1), ("patience", 0)):
            at_least(self, name, least)
        check_choice("products", self.products, ("", "bfloat16"))
        check_adam(self)


def check_adam(config: TrainConfig | CloudTrainConfig) -> None:
    """Raise InputError where a setting of Adam is out of range."""
    for name in ("lr", "clip"):
        if not getattr(config, name) > 0:
            raise expected(name, "positive", getattr(config, name))
    if not 0 <= config.ema < 1:
        raise expected("ema", "in [0, 1)", config.ema)
