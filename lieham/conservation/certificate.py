"""The certificate of a charge: how its drift grows, and whether model, integrator or precision is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

import torch

from lieham.typing import Float, Tensor

STEADY = 100.0
"""Drifts of up to so many units of round-off are none: a sum of some ten terms, each rounded, leaves a few of them."""
WALK = 1000.0
"""What round-off explains, in units of it times √steps: beyond, a symmetry that was promised is broken."""


@dataclass(frozen=True)
class Certificate:
    """What holds a charge in place, and how well it is held.

    `model`: "yes", "no", "no: changes K" (the motion is no isometry), "on average" (a sampled lift). `integrator`:
    "keeps linear", "keeps quadratic", "keeps none", "bounds H" (symplectic). `growth`: "none" (to round-off),
    "constant", "√t", "t", another power of t, or "?" where the forecast is too short to tell; `exponent`, the slope
    that says so. `blame`: "model", "integrator", "precision", or "" where nothing drifts.
    """

    model: str
    integrator: str
    growth: str
    exponent: float | None
    blame: str


def certify(
    model: str,
    kept: bool,
    integrator: str,
    drift: Float[Tensor, "batch time"],
    times: Float[Tensor, "batch time"],
    round_off: float,
    condition: float = 1.0,
) -> Certificate:
    """The certificate of a charge that drifts so, in units of its scale; `kept`, whether the integrator keeps it.

    `condition` is the size of the numbers that cancel in the charge, in units of its scale: far from the origin their
    round-off is larger than that of the charge.
    """
    largest = drift.max().item()
    exponent = growth_exponent(drift, times)
    growth = "none" if largest <= STEADY * round_off else name_of_growth(exponent)
    if growth == "none":
        blame = ""
    elif model != "yes":
        blame = "model"
    elif not kept:
        blame = "integrator"
    elif largest > WALK * condition * round_off * sqrt(drift.shape[-1]):
        blame = "model"
    else:
        blame = "precision"
    return Certificate(model, integrator, growth, exponent, blame)


def growth_exponent(drift: Float[Tensor, "batch time"], times: Float[Tensor, "batch time"]) -> float | None:
    """The slope of log rms(drift) against log t over the last 1.5 decades, by least squares; None when too short.

    The mean square is taken over systems and over six bins of equal width in log t, so that an oscillation counts as
    its amplitude.
    """
    elapsed = (times - times[:, :1]).abs()[0, 1:].double()
    square = drift[:, 1:].double().square().mean(0)
    last = elapsed[-1].item() if len(elapsed) else 0.0
    if len(elapsed) < 20 or not square.any():
        return None
    points = []
    edges = [last * 10 ** (-1.5 * k / 6) for k in range(6, -1, -1)]
    for low, high in pairwise(edges):
        inside = square[(elapsed > low) & (elapsed <= high * (1 + 1e-12))]
        if len(inside) and inside.mean() > 0:
            points.append((log(sqrt(low * high)), 0.5 * log(inside.mean().item())))
    if len(points) < 3:
        return None
    x, y = torch.tensor(points, dtype=torch.float64).T
    x = x - x.mean()
    return ((x * y).sum() / x.square().sum()).item()


def name_of_growth(exponent: float | None) -> str:
    """constant, √t or t within a quarter of the exponent; else the power itself, and "?" where none was fitted."""
    if exponent is None:
        return "?"
    for name, power in (("constant", 0.0), ("√t", 0.5), ("t", 1.0)):
        if abs(exponent - power) <= 0.25:
            return name
    return f"t^{exponent:.1f}"
