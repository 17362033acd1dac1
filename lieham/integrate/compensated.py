"""Compensated summation carries the rounding errors of additions along with the state."""

from __future__ import annotations

from typing import NamedTuple

import torch

from lieham.state import PhaseState
from lieham.typing import Float, Tensor


class CompensatedState(NamedTuple):
    """A CompensatedState stands for the true value (q + q_low, p + p_low); all four have shape (*batch, n, d).

    Steps move states by `shift` alone, so they sum with compensation when they are given this state. Over N steps the
    rounding error of a component stays at the size of one unit in the last place, where plain summation lets it grow as
    √N or N (Kahan 1965; Hairer, Lubich, Wanner, Geometric Numerical Integration, §VIII.5).
    """

    q: Float[Tensor, "*batch n d"]
    p: Float[Tensor, "*batch n d"]
    q_low: Float[Tensor, "*batch n d"]
    p_low: Float[Tensor, "*batch n d"]

    @classmethod
    def of(cls, state: PhaseState) -> CompensatedState:
        """Return `state` with residuals of zero."""
        return cls(state.q, state.p, torch.zeros_like(state.q), torch.zeros_like(state.p))

    def shift(self, dq: Tensor | None = None, dp: Tensor | None = None) -> CompensatedState:
        """Return (q + dq, p + dp), with the rounding errors of the two additions in the residuals."""
        q, q_low = (self.q, self.q_low) if dq is None else compensated_add(self.q, self.q_low, dq)
        p, p_low = (self.p, self.p_low) if dp is None else compensated_add(self.p, self.p_low, dp)
        return CompensatedState(q, p, q_low, p_low)

    def plain(self) -> PhaseState:
        """Return the state without its residuals, which are below half a unit in the last place."""
        return PhaseState(self.q, self.p)


def compensated_add(
    x: Float[Tensor, "*shape"], low: Float[Tensor, "*shape"], dx: Float[Tensor, "*shape"]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return Kahan's sum s = fl(x + y) and its residual y − (s − x), where y = low + dx.

    The residual is exact where |x| ≥ |y|. Elsewhere, as when a body passes the origin, it is wrong by at most a unit in
    the last place of y. The increment dx is no more accurate than that, so Knuth's exact two-sum would only cost more.

    Args:
        x: the sum so far.
        low: the residual of `x`.
        dx: the increment.
    """
    y = dx + low
    total = x + y
    return total, y - (total - x)
