"""Radial functions of squared lengths, and the scales at which they are taken."""

from __future__ import annotations

import torch

from lieham.typing import Float, Tensor

POWERS = (0.5, 1.0, 2.0, 4.0, 6.0)


def rationals(
    squared: Float[Tensor, "*batch k"], lengths: Float[Tensor, "#k s"], powers: tuple[float, ...] = POWERS
) -> Float[Tensor, "*batch e"]:
    """(1 + c/s²)^(−p) of squared lengths c, each at its scales s, for p of `powers`: (p, k, s) flattened."""
    root = (1 + squared[..., None] * lengths.to(squared).reciprocal().square()).rsqrt()
    raised = {0.5: root}
    for p in (1.0, 2.0, 4.0):
        if max(powers) >= p:
            raised[p] = raised[p / 2].square()
    if 6.0 in powers:
        raised[6.0] = raised[4.0] * raised[2.0]
    return torch.cat([raised[p].flatten(-2) for p in powers], -1)


def measured_scales(squared: Float[Tensor, " values"], bases: int) -> Float[Tensor, " bases"] | None:
    """Geometric, from half the smallest length other than 0 to twice the largest, but for the thousandth at either end;
    None where all are 0."""
    apart = squared[squared > 0]
    if not len(apart):
        return None
    ranked = apart.sort().values.sqrt()
    few = len(ranked) // 1000
    most = 2 * ranked[-1 - few]
    least = (ranked[few] / 2).clamp(min=1e-6 * most)
    place = torch.linspace(0, 1, bases, dtype=most.dtype, device=most.device)
    return least * (most / least) ** place


def scales(bases: int) -> tuple[float, ...]:
    """`bases` lengths from 1/8 to 4, geometric, in units of the model's length."""
    return tuple(0.125 * 32 ** (k / max(bases - 1, 1)) for k in range(bases))
