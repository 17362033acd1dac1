"""How far two paths are apart."""

from __future__ import annotations

from lieham.state import PhaseState
from lieham.typing import Float, Tensor


def state_mse(a: PhaseState, b: PhaseState, mask: Tensor) -> Float[Tensor, "*batch time"]:
    """Mean over real bodies and over the 2d components of (q, p) of the squared difference."""
    error = ((a.q - b.q).square() + (a.p - b.p).square()).sum(-1) / (2 * a.q.shape[-1])
    weight = mask[..., None, :].to(error.dtype)
    return (error * weight).sum(-1) / weight.sum(-1)
