"""The functions here compute radial functions of squared lengths, and choose their scales."""

from __future__ import annotations

import torch

from lieham.typing import Bool, Float, Tensor

POWERS = (0.5, 1.0, 2.0, 4.0, 6.0)


def rationals(
    squared: Float[Tensor, "*batch k"], lengths: Float[Tensor, "#k s"], powers: tuple[float, ...] = POWERS
) -> Float[Tensor, "*batch e"]:
    """Return (1 + c/s²)^(−p) of squared lengths c, each at its own scales s, for every p of `powers`.

    Args:
        squared: the squared lengths c, (*batch, k).
        lengths: the scales s of each, (k, s), or (1, s) for scales that all share.
        powers: the powers p, a part of `POWERS` in the same order.

    Returns:
        The functions, (*batch, e), of which the last axis is (p, k, s) flattened.
    """
    root = (1 + squared[..., None] * lengths.to(squared).reciprocal().square()).rsqrt()
    raised = _raised(root, max(powers))
    return torch.cat([raised[p].flatten(-2) for p in powers], -1)


def rational_slopes(
    squared: Float[Tensor, "*batch"], values: Float[Tensor, "*batch e"], lengths: Float[Tensor, "1 s"]
) -> Float[Tensor, "*batch e"]:
    """Return the derivatives of `rationals` by one squared length c, −p/s² (1 + c/s²)^(−p−1).

    Args:
        squared: the squared lengths c.
        values: the functions at them, of all `POWERS`.
        lengths: the scales s.
    """
    inverse = lengths.to(squared).square().reciprocal()
    each = inverse / (1 + squared[..., None] * inverse)
    powers = squared.new_tensor(POWERS)[:, None]
    return (values.unflatten(-1, (len(POWERS), -1)) * (-powers * each.unsqueeze(-2))).flatten(-2)


def _raised(root: Tensor, most: float) -> dict[float, Tensor]:
    """Return r^2p of the root r for each p of `POWERS` up to `most`, each as a product of those before it."""
    raised = {0.5: root}
    for p in (1.0, 2.0, 4.0):
        if most >= p:
            raised[p] = raised[p / 2].square()
    if most >= 6.0:
        raised[6.0] = raised[4.0] * raised[2.0]
    return raised


class SomeRationals:
    """A callable that returns the functions of `rationals` at which `columns` is True.

    Only the roots that these functions need are computed.

    Args:
        lengths: the scales, as in `rationals`.
        columns: True for each wanted function, among all that `rationals` returns.
    """

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
    """Return scales in a geometric series from half the smallest length to twice the largest.

    Lengths of 0 are ignored, and so is a thousandth of the lengths at either end.

    Args:
        squared: squared lengths.
        bases: the number of scales.

    Returns:
        The scales, or None if all lengths are 0.
    """
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
    """Return `bases` lengths from 1/8 to 4 in a geometric series, in units of the model's length."""
    return tuple(0.125 * 32 ** (k / max(bases - 1, 1)) for k in range(bases))
