"""These checks find jumps of f and of its derivatives along lines in configuration space, by bisection."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from lieham.auditing.configurations import Scale, states
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject
from lieham.typing import Float, Tensor

LINES, POINTS, SUSPECTS = 8, 129, 2
"""LINES lines are drawn with POINTS points each; two measures each pick SUSPECTS intervals of a line to zoom into."""
ZOOM, ROUNDS = 17, 15
"""An interval is cut by ZOOM points and a quarter of it is kept, ROUNDS times, which reaches 1e-10 of a line."""
SHARE = 0.75
"""A jump makes at least this share of the variation over 16 steps; a slope makes 1/16, a square root 1/5."""
ORDER = 6
"""Differences of this order vanish for a function that the points resolve, and reveal even a small jump."""

Line = Callable[[Float[Tensor, "k b"]], Tensor]
"""A Line is a function along b lines; its argument holds k points s ∈ [0, 1] on each."""


def continuity(subject: Subject, scale: Scale, generator: torch.Generator) -> Iterator[Check]:
    """Look for jumps of f, of its first and of its second derivative along random lines.

    Along these lines bodies cross any cutoff, swap their ranks and pass each other. The worst error of "continuity" is
    the largest jump of f relative to its scale. "Smoothness order" counts the continuous derivatives, up to 2. An
    energy must have one of them; a force need only be continuous.

    Args:
        subject: what is audited.
        scale: the size of its values.
        generator: draws the lines.
    """
    start, end = _lines(subject, generator)

    def at(s: Tensor) -> Tensor:
        return start[0] + s[..., None, None] * (end[0] - start[0])

    def value(s: Tensor) -> Tensor:
        q, p = at(s), None if start[1] is None else start[1].expand(*s.shape, -1, -1).flatten(0, 1)
        return subject(q.flatten(0, 1), p).unflatten(0, s.shape)

    jump, where = largest_jump(value, LINES, subject.dtype, scale.spread)
    q = at(where)
    worst = jump.argmax()
    yield judged("continuity", jump.max().item(), 1e-8, "largest jump over its scale", q=q[worst])
    smooth = -1 if jump.max() > 1e-8 else 0
    functions = [_derivative(value), _derivative(_derivative(value))] if subject.kind != "force" else []
    for order, function in enumerate(functions, 1):
        if smooth != order - 1:
            break
        try:
            with torch.no_grad():
                size = function(torch.full((1, LINES), 0.37, dtype=subject.dtype)).abs()
            jump, _ = largest_jump(function, LINES, subject.dtype, size[torch.isfinite(size)].median().item())
        except RuntimeError:
            break
        smooth = order if jump.max() <= 1e-6 else smooth
    if functions:
        missing = max(1 - smooth, 0)
        detail = f"continuous derivatives missing of 1; it has {max(smooth, 0)}" + (" or more" if smooth == 2 else "")
        yield judged("smoothness order", float(missing), 0.0, detail)


def _lines(subject: Subject, generator: torch.Generator) -> tuple[tuple, tuple]:
    """Return both ends (q, p) of lines between random configurations.

    On every other line a single body crosses the cloud of the others.
    """
    start, end = states(subject, LINES, generator), states(subject, LINES, generator)
    q = end[0].clone()
    q[::2, 1:] = start[0][::2, 1:]
    q[::2, 0] = -2.0 * start[0][::2, 0] + 0.3 * q[::2, 0]
    return start, (q.abs() if subject.positive else q, end[1])


def _derivative(function: Line) -> Line:
    """Return df/ds along every line, which is 0 where f does not depend on s."""

    def slope(s: Tensor) -> Tensor:
        with torch.enable_grad():
            s = s.detach().requires_grad_() if not s.requires_grad else s
            value = function(s)
            if not value.requires_grad:
                return torch.zeros_like(s)
            return torch.autograd.grad(value.sum(), s, create_graph=True)[0]

    return slope


def largest_jump(function: Line, lines: int, dtype: torch.dtype, spread: float) -> tuple[Tensor, Tensor]:
    """Find the largest jump along each line.

    Args:
        function: the function along the lines.
        lines: the number b of lines.
        dtype: precision of s.
        spread: the size that a jump is relative to.

    Returns:
        The jumps in units of `spread`, 0 where there is none, and their places s, (b,) each.
    """
    grid = torch.linspace(0, 1, POINTS, dtype=dtype)
    with torch.no_grad():
        values = torch.cat([_flat(function(s[:, None].expand(-1, lines))) for s in grid.split(ZOOM)])
        suspects = []
        for n, before in ((3, 1), (ORDER, 2)):
            size = values.diff(n=n, dim=0).norm(dim=-1).nan_to_num(0.0)
            suspects += list(size.topk(SUSPECTS, dim=0).indices + before)
        best, place = torch.zeros(lines, dtype=dtype), torch.zeros(lines, dtype=dtype)
        for row in suspects:
            low, high = grid[(row - 2).clamp(min=0)], grid[(row + 4).clamp(max=POINTS - 1)]
            jump, at = _zoom(function, low, high, spread)
            better = jump > best
            best, place = torch.where(better, jump, best), torch.where(better, at, place)
    return best, place


def _zoom(function: Line, low: Tensor, high: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    """Zoom in where the differences of order 6 are largest.

    Return the jump that is left there, in units of `spread`, and its place.
    """
    steps = torch.linspace(0, 1, ZOOM, dtype=low.dtype)[:, None]
    columns = torch.arange(len(low))
    for _ in range(ROUNDS):
        s = low + steps * (high - low)
        values = _flat(function(s))
        # A jump between the third and the fifth of seven points makes the largest difference; one more on each side
        # keeps it away from the ends, where fewer windows see it.
        first = values.diff(n=ORDER, dim=0).norm(dim=-1).nan_to_num(0.0).argmax(0) + 1
        low, high = s[first, columns], s[first + 4, columns]
    steps_up = values.diff(dim=0).norm(dim=-1)
    jump = steps_up.amax(0)
    noise = 1e5 * torch.finfo(jump.dtype).eps * (values.abs().amax((0, 2)) + spread)
    real = (jump > SHARE * steps_up.sum(0)) & (jump > noise) & torch.isfinite(jump)
    return torch.where(real, jump / spread, torch.zeros_like(jump)), low


def _flat(x: Float[Tensor, "k b *rest"]) -> Float[Tensor, "k b r"]:
    return x.detach().reshape(*x.shape[:2], -1)
