"""The default without each of its parts: attributes of the library are replaced while a model is made and trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from inspect import signature
from math import inf
from unittest.mock import patch

import torch
from torch import nn

from lieham import HLieConv
from lieham.lift import CosetLift, TensorLift
from lieham.lift.radial import POWERS, rationals
from lieham.regression.cross_validation import Choice, choose
from lieham.typing import Tensor
from systems import System

RIDGE = 1e-11
"""The ridge where none is chosen."""

RADIAL_LIFTS = ("one_element", "tensor")
"""Modules of `lieham.lift` whose embeddings have radial functions."""


@dataclass(frozen=True)
class Part:
    """One part of the default, by the changes that take it away.

    Args:
        model: settings of the model.
        training: settings of the training.
        instead: values that replace attributes of the library, by the full names of the attributes.
    """

    model: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    instead: dict = field(default_factory=dict)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the part away from the library within the context."""
        with ExitStack() as stack:
            for name, value in self.instead.items():
                stack.enter_context(patch(name, value))
            yield

    def make(self, law: System, features: int, seed: int) -> nn.Module:
        """Make the default model without the part."""
        return HLieConv(law.symmetry, features, seed=seed, **self.model)


def every_function(*posed: object) -> Choice:
    """Choose all functions and one ridge; the error on held-out windows stays as measured, so that a lift is chosen."""
    choice = choose(*posed)
    return choice._replace(ridge=RIDGE, columns=torch.ones_like(choice.columns))


def _radial(replaced: Callable[..., Tensor], **more: object) -> dict:
    return {f"lieham.lift.{module}.rationals": replaced for module in RADIAL_LIFTS} | more


def _softened(squared: Tensor, lengths: Tensor, powers: tuple[float, ...] = (0.5,)) -> Tensor:
    return rationals(squared, lengths, powers)


def _nothing(squared: Tensor, lengths: Tensor, powers: tuple[float, ...] = POWERS) -> Tensor:
    return 0.0 * rationals(squared, lengths, powers)  # not zeros: a gradient by every weight is asked for


def _defaults(of: type, **changes: object) -> tuple:
    """Return the defaults of a class's settings, with some of them changed."""
    known = signature(of).parameters.values()
    return tuple(changes.get(x.name, x.default) for x in known if x.default is not x.empty)


SOFTENED = _radial(_softened, **{f"lieham.lift.{module}.POWERS": (0.5,) for module in RADIAL_LIFTS})
FEW = {
    f"lieham.lift.{lift.__name__}.__init__.__defaults__": _defaults(lift, bases=4) for lift in (CosetLift, TensorLift)
}
PARTS = {
    "default": Part(),
    "no ridge stage": Part(training={"ridge": False}),
    "no ridge stage, no L-BFGS": Part(training={"ridge": False, "refine": 0}),
    "no ridge stage, no Adam": Part(training={"ridge": False, "steps": 0}),
    "no L-BFGS": Part(training={"refine": 0}),
    "no Adam": Part(training={"steps": 0}),
    "no corrections": Part(instead={"lieham.regression.ridge_stage.CORRECTIONS": 0}),
    "all functions, one ridge": Part(
        instead={
            "lieham.regression.cross_validation.choose": every_function,
            "lieham.regression.ridge_stage.RIDGES": (RIDGE,),
        }
    ),
    "softened inverse lengths": Part(instead=SOFTENED),
    "4 scales": Part(instead=FEW),
    "no radial functions": Part(instead=_radial(_nothing)),
    "PaperBlock": Part(model={"block": "paper"}),
    "units of 1": Part(instead={"lieham.models.potential.LieConvPotential.calibrate": lambda potential, data: None}),
    "all windows": Part(instead={"lieham.regression.interpolant.RESOLVED": inf}),
    "pairs alone": Part(model={"lift": "coset"}),
    "float32": Part(model={"dtype": torch.float32}),
    "width 16": Part(model={"width": 16}),
    "width 128": Part(model={"width": 128}),
    "2 blocks": Part(model={"blocks": 2}),
}
"""The default, and the default without each of its parts."""
