"""This module estimates the noise of observed trajectories from differences of neighbouring points."""

from __future__ import annotations

from math import comb

import torch

from lieham.state import PhaseState, Trajectory
from lieham.typing import Tensor

ORDERS = (4, 6)
"""The noise is read off differences of these orders."""
NOISY = 0.7
"""Differences that shrink by less than this from the first order to the second are noise: a motion with more than 3.4
points an oscillation shrinks more."""
MEDIAN = 0.6745
"""The median size of a normal error, in units of its deviation."""
EVEN = 1e-2
"""Relative spread of the steps up to which times count as even."""


def noise_shares(x: Trajectory) -> PhaseState:
    """Estimate the noise of q and p, as a share of their changes from point to point; 0 where none shows.

    Differences of order k of noise with deviation σ have the deviation σ √C(2k, k), for every k. Those of a motion with
    the frequency ω, h apart, are multiplied by (2 sin(hω/2))² from order 4 to order 6. So the two orders tell noise
    from motion. Medians are taken over all points, so that a few fast passes do not count as noise, and then over the
    bodies. Nothing is estimated for fewer than 7 points or for uneven times.

    Args:
        x: trajectories, (k, time, n, d).

    Returns:
        σ_q/s_q and σ_p/s_p, one number each, with s the median change of a component from point to point.

    Example:
        >>> import torch, systems
        >>> from lieham.data.noise import noise_shares
        >>> x = systems.Springs(3).generate(4, 0, 0, points=40).train
        >>> noise_shares(x).q.item()
        0.0
    """
    steps = x.times.diff(dim=-1)
    if x.times.shape[-1] <= ORDERS[1] or not bool((steps.amax() - steps.amin()) <= EVEN * steps.amax()):
        return PhaseState(x.q.new_zeros(()), x.q.new_zeros(()))
    return PhaseState(*(_share(y.double(), x.bodies.mask) for y in x.states()))


def _share(x: Tensor, mask: Tensor) -> Tensor:
    typical = [_typical(x, k, mask) for k in (*ORDERS, 1)]
    first, second = (size / comb(2 * k, k) ** 0.5 for size, k in zip(typical, ORDERS, strict=False))
    share = torch.where(
        second > NOISY * first, second / (MEDIAN * typical[2]).clamp(min=1e-300), torch.zeros_like(first)
    )
    return share.median() if len(share) else x.new_zeros(())


def _typical(x: Tensor, order: int, mask: Tensor) -> Tensor:
    """Return the median size of the differences of an order of every real body of every trajectory."""
    return x.diff(n=order, dim=1).abs().transpose(1, 2)[mask].flatten(1).median(1).values
