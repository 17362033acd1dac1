"""Radial functions of squared lengths, and the scales at which they are taken."""

from __future__ import annotations

import torch

from lieham.typing import Bool, Float, Tensor

POWERS = (0.5, 1.0, 2.0, 4.0, 6.0)


def rationals(
    squared: Float[Tensor, "*batch k"], lengths: Float[Tensor, "#k s"], powers: tuple[float, ...] = POWERS
) -> Float[Tensor, "*batch e"]:
    """(1 + c/s²)^(−p) of squared lengths c, each at its scales s, for p of `powers`: (p, k, s) flattened."""
    root = (1 + squared[..., None] * lengths.to(squared).reciprocal().square()).rsqrt()
    raised = _raised(root, max(powers))
    return torch.cat([raised[p].flatten(-2) for p in powers], -1)


def _raised(root: Tensor, most: float) -> dict[float, Tensor]:
    """r^2p of the root r for p of `POWERS` up to `most`, each of those before it."""
    raised = {0.5: root}
    for p in (1.0, 2.0, 4.0):
        if most >= p:
            raised[p] = raised[p / 2].square()
    if most >= 6.0:
        raised[6.0] = raised[4.0] * raised[2.0]
    return raised


class SomeRationals:
    """Those of `rationals` that are True in `columns`: only the roots that they need are computed."""

    def __init__(self, lengths: Float[Tensor, "k s"], columns: Bool[Tensor, " e"]):
        each = lengths.numel()
        places = columns.nonzero().flatten()
        needed, index = (places % each).unique(return_inverse=True)
        self.lengths, self.which = lengths.flatten()[needed], needed // lengths.shape[1]
        self.one = len(lengths) == 1
        power = places // each
        self.powers = [(p, index[power == k]) for k, p in enumerate(POWERS) if bool((power == k).any())]

    def __call__(self, squared: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch e"]:
        c = squared if self.one else squared.index_select(-1, self.which)
        root = (1 + c * self.lengths.to(squared).reciprocal().square()).rsqrt()
        if not self.powers:
            return root  # of no columns
        raised = _raised(root, self.powers[-1][0])
        return torch.cat([raised[p].index_select(-1, index) for p, index in self.powers], -1)


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
