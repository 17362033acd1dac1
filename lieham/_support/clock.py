"""This module takes times as a user gives them, whose differences must survive the way to float64."""

from __future__ import annotations

import warnings

import torch

from lieham.errors import expected
from lieham.typing import Float, Tensor

HARMFUL = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Rounded times are worth a warning if they change a step by more than this share, beside states of such a dtype."""
EVEN = 4
"""Times count as exact if they are multiples of this many units of the last place; rounded ones hardly ever are."""


def exact_times(times: Tensor, precision: torch.dtype) -> Float[Tensor, "*batch time"]:
    """Return times in float64, with a warning if they were rounded to float32 before.

    Times are kept in float64 whatever the precision of the states is, since float32 knows a Julian date to a quarter of
    a day only. Nothing can bring back what was rounded before; where that is harmful for states of this precision, a
    warning says so. Times that are exact in float32, such as whole days, raise no warning.

    Args:
        times: increasing times, (*batch, time).
        precision: the dtype of the states.

    Returns:
        The same times in float64.

    Raises:
        InputError: the times are no real numbers, or are integers whose differences float64 does not hold.
    """
    if times.dtype == torch.bool or times.is_complex():
        raise expected("times", "real numbers", times.dtype)
    exact = times.to(torch.float64)
    if not times.is_floating_point() and not torch.equal(exact.long(), times.long()):
        raise expected("times", "integers below 2**53, or times less their first", f"{times.abs().max().item()}")
    if times.shape[-1] > 1 and bool(torch.isfinite(exact).all()):
        _warn_if_rounded(times, exact, HARMFUL.get(precision, HARMFUL[torch.float32]))
    return exact


def _warn_if_rounded(times: Tensor, exact: Tensor, harmful: float) -> None:
    """Warn if steps differ by the rounding of float32, or of the shorter dtype that the times have."""
    short = times.dtype if times.is_floating_point() and times.dtype != torch.float64 else torch.float32
    if times.dtype != short and not torch.equal(exact.to(short).to(torch.float64), exact):
        return
    largest, steps = exact.abs().amax(-1, keepdim=True), exact.diff(dim=-1)
    unit = torch.finfo(short).eps * torch.exp2(torch.log2(largest.clamp(min=1e-300)).floor())
    low, high = steps.amin(-1, keepdim=True), steps.amax(-1, keepdim=True)
    multiples = (exact / (EVEN * unit)).frac().abs().amax(-1, keepdim=True) == 0
    suspect = ~multiples & (unit > harmful * low) & (low > 0)
    mean = (exact[..., -1:] - exact[..., :1]) / steps.shape[-1]
    even = exact[..., :1] + mean * torch.arange(exact.shape[-1], dtype=exact.dtype, device=exact.device)
    by_rounding = ((exact - even).abs() <= unit).all(-1, keepdim=True) & (high - low > harmful * low)
    if times.dtype == torch.float64:
        suspect = suspect & by_rounding
    if not bool(suspect.any()):
        return
    row = int(suspect.flatten().nonzero()[0])
    a, b, u = (x.flatten()[row].item() for x in (low, high, unit))
    name = str(short).removeprefix("torch.")
    remedy = "store them in float64, or subtract the first time before rounding"
    if bool(by_rounding.flatten()[row]):
        text = f"times have steps from {a:.9g} to {b:.9g} only because {name} has rounded them: {remedy}"
    else:
        text = f"times in {name} are known to {u:.3g} only, where the shortest step is {a:.6g}: {remedy}"
    warnings.warn(text, UserWarning, stacklevel=4)
