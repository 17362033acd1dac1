"""This module puts polynomials through observed points and gives values and slopes at other times, on any grid."""

from __future__ import annotations

import torch

from lieham.typing import Float, Tensor

NEIGHBOURS = 5
"""A derivative is that of the polynomial through this number of points, with its time in the middle if possible."""


def polynomial(
    times: Float[Tensor, "*batch t"], at: Float[Tensor, "*batch s"], degree: int
) -> tuple[Float[Tensor, "*batch s t"], Float[Tensor, "*batch s t"]]:
    """Return weights W and W' for the value Σ_t W x_t and the slope Σ_t W' x_t of a polynomial through points.

    The polynomial is fitted by least squares; it passes through the points where `degree` is one less than their
    number.

    Args:
        times: the times of the points, (*batch, t).
        at: the times at which value and slope are wanted, (*batch, s).
        degree: the degree of the polynomial.

    Returns:
        W and W', both (*batch, s, t).
    """
    middle, half = (times[..., -1:] + times[..., :1]) / 2, (times[..., -1:] - times[..., :1]) / 2
    t, s = (times - middle) / half, (at - middle) / half
    powers = torch.arange(degree + 1, dtype=t.dtype, device=t.device)
    inverse = torch.linalg.pinv(t[..., None] ** powers)
    slopes = powers * s[..., None] ** (powers - 1).clamp(min=0)
    return s[..., None] ** powers @ inverse, slopes @ inverse / half[..., None]


def derivative(times: Float[Tensor, "*batch t"], x: Float[Tensor, "*batch t n d"]) -> Float[Tensor, "*batch t n d"]:
    """Return dx/dt at every time, from the polynomial through the `NEIGHBOURS` points about it.

    Where there are fewer points, the polynomial goes through all of them. The derivative is exact for polynomials of
    degree 4. Its error is h⁴ x⁽⁵⁾/30 in the middle of an even grid of step h, and six times that at the ends.

    Args:
        times: increasing times (*batch, t).
        x: values (*batch, t, n, d).

    Returns:
        The derivative, of the shape and precision of x.
    """
    points = times.shape[-1]
    count = min(NEIGHBOURS, points)
    first = (torch.arange(points, device=x.device) - count // 2).clamp(0, points - count)
    index = first[:, None] + torch.arange(count, device=x.device)
    _, slopes = polynomial(times.double()[..., index], times.double()[..., None], count - 1)
    return torch.einsum("...tk,...tknd->...tnd", slopes.squeeze(-2), x.double()[..., index, :, :]).to(x.dtype)
