"""This module compiles the gradient of an energy, the one function that costs time, by torch.compile.

Where compiling fails, the plain function is called instead, after a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import torch

from lieham.typing import Tensor

Energy = Callable[..., Tensor]
"""An energy is a function that takes a state or positions, and tensors, and returns one number for each system."""


def gradient(energy: Energy) -> Callable:
    """Return the function ∂(Σ energy)/∂x, where x is the first argument of `energy`.

    Systems of a batch do not interact, so the gradient of their summed energy holds the gradient of each. Where no
    gradients are recorded, the method `gradient` of an energy is called that has one.
    """
    recorded, own = torch.func.grad(lambda x, *tensors: energy(x, *tensors).sum()), getattr(energy, "gradient", None)
    if own is None:
        return recorded
    return lambda x, *tensors: (recorded if torch.is_grad_enabled() else own)(x, *tensors)


@lru_cache(maxsize=16)
def compiled_gradient(energy: Energy) -> Compiled:
    """Return the gradient, compiled. Equal energies share one function, since compiling takes half a minute."""
    return Compiled(gradient(energy))


class Compiled:
    """A function that torch compiles at its first call. If compiling fails, it warns and stays uncompiled.

    A call whose arguments are at fault raises the same error as the plain function.
    """

    def __init__(self, function: Callable) -> None:
        self._plain = function
        self._fast: Callable | None = torch.compile(function, dynamic=False)

    def __call__(self, *arguments: object) -> object:
        if self._fast is None:
            return self._plain(*arguments)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of lru_cache: indices, which dynamo computes itself
                return self._fast(*arguments)
        except Exception as error:  # a missing compiler, a graph that dynamo cannot take: torch has many classes
            value = self._plain(*arguments)
            self._fast = None
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warnings.warn(f"torch.compile failed, so the force is not compiled: {reason}", RuntimeWarning, stacklevel=2)
            return value
