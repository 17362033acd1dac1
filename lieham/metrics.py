"""Metrics measure distances between paths in phase space."""

from __future__ import annotations

from lieham.state import PhaseState
from lieham.typing import Float, Tensor


def state_mse(a: PhaseState, b: PhaseState, mask: Tensor) -> Float[Tensor, "*batch time"]:
    """Compute the mean squared difference of two paths, over real bodies and over the 2d components of (q, p).

    Args:
        a: one path, q and p (*batch, time, n, d).
        b: the other.
        mask: padding mask (*batch, n), True for real bodies.

    Returns:
        One number a system and time, in the squared units of q and p.
    """
    error = ((a.q - b.q).square() + (a.p - b.p).square()).sum(-1) / (2 * a.q.shape[-1])
    weight = mask[..., None, :].to(error.dtype)
    return (error * weight).sum(-1) / weight.sum(-1)
