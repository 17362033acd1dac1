"""Polynomials through observed points: values and slopes at other times, on any grid."""

from __future__ import annotations

import torch

from lieham.typing import Float, Tensor

NEIGHBOURS = 5
"""Points whose interpolation polynomial is differentiated, the central ones where there are."""


def polynomial(
    times: Float[Tensor, "*batch t"], at: Float[Tensor, "*batch s"], degree: int
) -> tuple[Float[Tensor, "*batch s t"], Float[Tensor, "*batch s t"]]:
    """Weights W, W' that give Σ_t W x_t and Σ_t W' x_t: value and slope at the times `at` of the polynomial of that
    degree fitted to the points by least squares; it passes through them where `degree` is one less than their number.
    """
    middle, half = (times[..., -1:] + times[..., :1]) / 2, (times[..., -1:] - times[..., :1]) / 2
    t, s = (times - middle) / half, (at - middle) / half
    powers = torch.arange(degree + 1, dtype=t.dtype, device=t.device)
    inverse = torch.linalg.pinv(t[..., None] ** powers)
    slopes = powers * s[..., None] ** (powers - 1).clamp(min=0)
    return s[..., None] ** powers @ inverse, slopes @ inverse / half[..., None]


def derivative(times: Float[Tensor, "*batch t"], x: Float[Tensor, "*batch t n d"]) -> Float[Tensor, "*batch t n d"]:
    """dx/dt at every time, of the polynomial through the `NEIGHBOURS` points about it; through all, where they are
    fewer. Exact for polynomials of degree 4; the error is h⁴ x⁽⁵⁾/30 in the middle of an even grid and six times that
    at its ends."""
    points = times.shape[-1]
    count = min(NEIGHBOURS, points)
    first = (torch.arange(points, device=x.device) - count // 2).clamp(0, points - count)
    index = first[:, None] + torch.arange(count, device=x.device)
    _, slopes = polynomial(times.double()[..., index], times.double()[..., None], count - 1)
    return torch.einsum("...tk,...tknd->...tnd", slopes.squeeze(-2), x.double()[..., index, :, :]).to(x.dtype)
