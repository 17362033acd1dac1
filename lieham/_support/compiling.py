"""torch.compile for the one function that costs time, the gradient of an energy, with a way back where it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import torch

from lieham.typing import Tensor

Energy = Callable[..., Tensor]
"""A function from a state or positions, and tensors, to one energy for each system."""


def gradient(energy: Energy) -> Callable:
    """∂(Σ energy)/∂x by the first argument x. Systems of a batch do not interact, so one sum serves them all."""
    return torch.func.grad(lambda x, *tensors: energy(x, *tensors).sum())


@lru_cache(maxsize=16)
def compiled_gradient(energy: Energy) -> Compiled:
    """The gradient, compiled. Equal energies share one function, since compiling takes half a minute."""
    return Compiled(gradient(energy))


class Compiled:
    """A function that torch compiles when it is first called. Where that fails, it warns and stays uncompiled.

    A call that fails for its arguments raises what the plain function raises.
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
