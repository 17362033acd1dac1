"""This module computes smooth scalar functions with a removable singularity, by the library's one Taylor switch.

Each is a function of x = θ² (or of x = |v|²), entire or analytic near 0, so that no square root is ever
differentiated at 0. The switch masks the *input* of the closed form before it is evaluated: a masked output
alone would still send NaN through the derivative (0 · ∞).
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import torch

from lieham.errors import expected
from lieham.typing import Tensor


def check_precision(name: str, x: Tensor, weight: Tensor) -> None:
    """Raise InputError unless `x` has the precision of a model's weights, which torch's products need.

    Args:
        name: what `x` is to the person who gave it.
        x: the tensor.
        weight: one of the weights.
    """
    if x.dtype != weight.dtype:
        here, there = (str(y.dtype).removeprefix("torch.") for y in (weight, x))
        raise expected(
            name, f"in {here} like the model", f"{there}: convert them, or the model by model.to(torch.{there})"
        )


def as_device(name: str | torch.device) -> torch.device:
    """Return the device of that name; raise InputError if torch has none such here."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise expected("device", "one that torch has here, such as cpu or cuda", repr(str(name))) from error


def taylor(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    """Return Σ_k coefficients[k] x^k, by Horner's rule."""
    total = torch.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def switched(closed: Callable[[Tensor], Tensor], coefficients: tuple[float, ...], below: float, x: Tensor) -> Tensor:
    """Return the Taylor polynomial where x < below and the closed form elsewhere.

    The first and second derivatives are finite everywhere.

    Args:
        closed: the closed form, which may fail at 0.
        coefficients: the coefficients of the Taylor series at 0, from the constant on.
        below: the value of x at which the closed form takes over.
        x: the argument, of any shape.

    Returns:
        The values, of the shape of x.
    """
    near = x < below
    safe = torch.where(near, torch.full_like(x, 2 * below), x)
    return torch.where(near, taylor(coefficients, torch.where(near, x, torch.zeros_like(x))), closed(safe))


# The polynomials are summed to terms below 1e-17 at the switch, so they are exact there in float64.
_SINC = tuple((-1) ** k / factorial(2 * k + 1) for k in range(11))
_COSC = tuple((-1) ** k / factorial(2 * k + 2) for k in range(11))
_SINCC = tuple((-1) ** k / factorial(2 * k + 3) for k in range(11))
_HALF_COT = (
    1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 691 / 1307674368000, 1 / 74724249600,
    3617 / 10670622842880000, 43867 / 5109094217170944000,
)  # fmt: skip
_ASIN = tuple(factorial(2 * k) / (4**k * factorial(k) ** 2 * (2 * k + 1)) for k in range(10))


def sinc(x: Tensor) -> Tensor:
    """Return sin θ / θ at x = θ²."""
    return switched(lambda y: torch.sin(y.sqrt()) / y.sqrt(), _SINC, 1.0, x)


def cosc(x: Tensor) -> Tensor:
    """Return (1 − cos θ) / θ² at x = θ²."""
    return switched(lambda y: (1 - torch.cos(y.sqrt())) / y, _COSC, 1.0, x)


def sincc(x: Tensor) -> Tensor:
    """Return (θ − sin θ) / θ³ at x = θ²."""
    return switched(lambda y: (1 - torch.sin(y.sqrt()) / y.sqrt()) / y, _SINCC, 1.0, x)


def half_cot(x: Tensor) -> Tensor:
    """Return (1 − (θ/2) cot(θ/2)) / θ² at x = θ², |θ| < 2π; the Taylor coefficients are |B_2k| / (2k)!."""

    def closed(y: Tensor) -> Tensor:
        return (1 - torch.cos(y.sqrt() / 2) / sinc(y / 4)) / y

    return switched(closed, _HALF_COT, 0.5, x)


def asin_over(x: Tensor, cosine: Tensor) -> Tensor:
    """Return arcsin(s) / s at x = s². The given cosine ≥ 0 of the same angle keeps it exact up to a right angle."""
    near = x < 0.02
    far = torch.where(near, torch.full_like(x, 0.5), x).sqrt()
    angle = torch.atan2(far, torch.where(near, torch.full_like(x, 0.5).sqrt(), cosine))
    return torch.where(near, taylor(_ASIN, torch.where(near, x, torch.zeros_like(x))), angle / far)
