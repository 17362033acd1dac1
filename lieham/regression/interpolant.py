"""The path between the observed points of a window: polynomials through positions, and slopes where they are known."""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import torch

from lieham._support.polynomials import polynomial
from lieham.data.windows import WindowBatch, batch_of, joined
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

MOST_POINTS = 5
"""Longest window whose interpolant is used whole; a longer one is cut."""
NODES = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)
"""The nodes of Gauss-Legendre's rule of three points on a step [0, 1]."""
RESOLVED = 0.1
"""Interpolation error, in units of the change of q from point to point, up to which a window counts as resolved."""
LEAST_RESOLVED = 10
"""Where fewer windows than this are resolved, all count as resolved."""


AnyWindows = TypeVar("AnyWindows", bound=Trajectory)


class Slopes(NamedTuple):
    """q̇ and ṗ at the points of windows, each None where it is not known."""

    q: Float[Tensor, "b t n d"] | None = None
    p: Float[Tensor, "b t n d"] | None = None


def known(model: Hamiltonian, windows: Trajectory) -> Slopes:
    """Return what the data tell of the slopes: q̇ = p/m for separable Hamiltonians; None otherwise (p is canonical)."""
    return Slopes(windows.p / windows.bodies.mass[:, None, :, None] if model.separable else None)


def hermite(
    times: Float[Tensor, "b t"], at: Float[Tensor, "b s"]
) -> tuple[Float[Tensor, "b s t"], Float[Tensor, "b s t"]]:
    """Return the weights of values and of derivatives at `times` in the polynomial through all of them.

    The polynomial has degree 2t − 1 and is evaluated at the times `at`, (b, s).
    """
    t, s, half = _centred(times, at)
    powers = torch.arange(2 * t.shape[1], dtype=t.dtype, device=t.device)
    slopes = powers * t[..., None] ** (powers - 1).clamp(min=0)
    system = torch.cat([t[..., None] ** powers, slopes], 1)
    weights = torch.linalg.solve(system.mT, (s[..., None] ** powers).mT).mT
    values, derivatives = weights.chunk(2, -1)
    return values, derivatives * half[..., None]


def _centred(times: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return both in units of half the window, counted from its middle, and that half."""
    middle, half = (times[:, -1:] + times[:, :1]) / 2, (times[:, -1:] - times[:, :1]) / 2
    return (times - middle) / half, (at - middle) / half, half


def _interpolated(times: Tensor, at: Tensor, x: Tensor, slopes: Tensor | None) -> Float[Tensor, "b s n d"]:
    """Return x at the times `at` in float64, from its values at `times` and from its slopes where they are known."""
    if slopes is None:
        return torch.einsum("bst,btnd->bsnd", polynomial(times, at, times.shape[-1] - 1)[0], x.double())
    values, derivatives = hermite(times, at)
    path = torch.einsum("bst,btnd->bsnd", values, x.double())
    return path + torch.einsum("bst,btnd->bsnd", derivatives, slopes.double())


def between(x: Trajectory, slopes: Slopes) -> PhaseState:
    """Return the states at the Gauss nodes of every step, (b, s, n, d)."""
    times = x.times.double()
    at = (times[:, :-1, None] + times.diff(dim=-1)[..., None] * times.new_tensor(NODES)).flatten(1)
    pairs = zip(x.states(), slopes, strict=True)
    return PhaseState(*(_interpolated(times, at, values, slope).to(x.q.dtype) for values, slope in pairs))


def resolution(windows: Trajectory, slopes: Slopes) -> Float[Tensor, " b"]:
    """Return the interpolation error of every window, (b,), in the unit of q.

    It is the largest error at the second and the fourth of the first 5 points, interpolated from the other three, and 0
    for shorter windows. Where it is not small, the points are too far apart to tell the path between them.
    """
    if windows.n_steps < 4:
        return windows.q.new_zeros(len(windows)).double()
    times, three, left = windows.times[:, :5].double(), [0, 2, 4], [1, 3]
    slope = None if slopes.q is None else slopes.q[:, three]
    q = _interpolated(times[:, three], times[:, left], windows.q[:, three], slope)
    return (q - windows.q[:, left].double()).abs().amax((1, 2, 3))


def cut(windows: Trajectory) -> WindowBatch:
    """Cut longer windows into windows of `MOST_POINTS` points."""
    windows = batch_of(windows)
    if windows.n_steps < MOST_POINTS:
        return windows
    step = MOST_POINTS - 1
    starts = [*range(0, windows.n_steps - step, step), windows.n_steps - step]
    return joined([cast(WindowBatch, windows.window(start, MOST_POINTS)) for start in starts])


def split_resolved(windows: AnyWindows, slopes: Slopes, scale: Float[Tensor, ""]) -> tuple[AnyWindows, AnyWindows]:
    """Split windows into (resolved, unresolved).

    Resolved windows have an interpolation error of at most `RESOLVED` times `scale`, the change of q from point to
    point. If fewer than `LEAST_RESOLVED` are, all count as resolved.

    Args:
        windows: windows, (b, time, n, d).
        slopes: q̇ and ṗ at their points, where they are known.
        scale: root mean square change of q from point to point, in the unit of q.
    """
    good = resolution(windows, slopes) <= RESOLVED * scale
    if good.sum() < LEAST_RESOLVED:
        good = torch.ones_like(good)
    return cast(AnyWindows, windows[good]), cast(AnyWindows, windows[~good])


def rows_of(windows: Trajectory) -> int:
    """Return how many equations a window gives: two for every step and coordinate, one where forces are known."""
    n, d = windows.q.shape[-2:]
    return (2 * windows.n_steps or 1) * n * d


def thinned(windows: AnyWindows, rows: int, least: int = LEAST_RESOLVED) -> AnyWindows:
    """Return all windows, or evenly spaced ones where they are more than needed.

    Args:
        windows: windows, (b, time, n, d).
        rows: about how many equations they are to give.
        least: how many are kept at least.
    """
    most = max(least, rows // rows_of(windows))
    if len(windows) <= most:
        return windows
    return cast(AnyWindows, windows[torch.linspace(0, len(windows) - 1, most, device=windows.q.device).long()])
