"""This check looks at symmetric configurations, where frames of moments, of eigenvectors and of ranks jump."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import torch

from lieham.auditing.configurations import Scale, inside
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject
from lieham.typing import Float, Tensor

NEAR = {torch.float64: (1e-6, 1e-9), torch.float32: (1e-3, 1e-6)}
"""Bodies are moved off their sites by these parts of the length; what is continuous varies less by the smaller."""
ORDERS, WAYS = 4, 6
"""Bodies take their sites in this many orders, and are moved off them in this many ways."""
SINGULAR = 30.0
"""A value that grows by more than this factor, as bodies come nearer to their sites, is a pole and not a jump."""


def sites(n: int, dim: int) -> dict[str, Float[Tensor, "n d"]]:
    """Return symmetric configurations of n bodies, of about the size 1, by name.

    They are points on a line, a polygon with a centre and without, a polygon with bodies on its axis, the vertices of
    a tetrahedron, an octahedron and a cube, with the other bodies at the centre and on spheres farther out, and bodies
    of which two are at one place.

    Args:
        n: number of bodies.
        dim: the dimension of space.
    """
    found = {"a line": _column(torch.arange(n) - (n - 1) / 2, dim)}
    generic = torch.randn(n, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if dim >= 2:
        found["a polygon"] = _polygon(n, dim)
        for k in range(2, n):
            found[f"{k} around the others"] = torch.cat([_polygon(k, dim), _along(n - k, dim)])
    if dim >= 3:
        corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).double()
        solids = {"a tetrahedron": corners[corners.prod(1) > 0], "a cube": corners}
        solids["an octahedron"] = torch.cat([torch.eye(3), -torch.eye(3)]).double()
        for name, solid in solids.items():
            if n >= len(solid):
                whole = torch.nn.functional.pad(torch.cat([solid / solid[0].norm(), solid[:0]]), (0, dim - 3))
                shells = [whole * (1 + k) for k in range(-(-n // len(solid)))]
                rest, more = n % len(solid), n // len(solid)
                centre = torch.zeros(min(rest, 1), dim, dtype=torch.float64)
                found[name] = torch.cat([*shells[:more], centre, 2.5 * generic[: max(rest - 1, 0)]])
    found["two at one place"] = torch.cat([generic[:1], generic[:1], generic[2:]]) if n > 1 else generic
    return found


def _column(x: Tensor, dim: int) -> Float[Tensor, "n d"]:
    return torch.nn.functional.pad(x.double()[:, None], (0, dim - 1))


def _polygon(n: int, dim: int) -> Float[Tensor, "n d"]:
    """Return the corners of a regular polygon in the plane of the first two axes."""
    angle = 2 * pi * torch.arange(n, dtype=torch.float64) / n
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()], 1), (0, dim - 2))


def _along(n: int, dim: int) -> Float[Tensor, "n d"]:
    """Return bodies about the centre of a polygon: along its axis in space, on a smaller polygon in the plane."""
    if dim == 2:
        return torch.zeros(1, 2, dtype=torch.float64) if n == 1 else 0.5 * _polygon(n, 2)
    height = 0.7 * (torch.arange(n) - (n - 1) / 2)
    return _column(height, dim).roll(2, dims=1)


def symmetric_places(subject: Subject, scale: Scale, tolerance: float, off: bool, generator: torch.Generator) -> Check:
    """Look for jumps at symmetric configurations, by moving their bodies a little and still less in several ways.

    What is continuous varies less by the smaller motion; what picks a frame from moments of inertia that are equal, or
    a body from distances that are, varies as much by either. Poles, whose values grow, are left out, as are bodies at
    one place for a force, which has a direction there. Bodies with inputs of their own are tried alike too.

    Args:
        subject: what is audited.
        scale: the size of its values.
        tolerance: round-off, relative to the condition of f.
        off: whether the configurations are to be off the origin, as a symmetry that is singular there needs it.
        generator: draws orders, turns and motions.
    """
    worst, at, name = 0.0, None, "none"
    for kind, places in sites(subject.n, subject.dim).items():
        places = places + 2.0 * off
        if subject.kind == "force" and kind == "two at one place":
            continue
        for alike in (False, True):
            jump, q = _jump(_alike(subject) if alike else subject, places, scale, tolerance, generator)
            if jump > worst or at is None:
                worst, at, name = max(jump, worst), q, kind if jump > 0 else name
    detail = f"largest jump over its scale, moved by {NEAR[subject.dtype][0]:g}; bodies on {name}"
    return judged("symmetric configurations", worst, 1e-8, detail, q=at)


def _alike(subject: Subject) -> Subject:
    """Return the subject with side inputs that are the same for all bodies."""
    equal = {k: x[:1].expand_as(x) if subject.per_body(k) == 1 else x for k, x in subject.inputs.items()}
    return replace(subject, inputs=equal)


@torch.no_grad()
def _jump(
    subject: Subject, places: Tensor, scale: Scale, tolerance: float, generator: torch.Generator
) -> tuple[float, Tensor]:
    """Return the largest jump about one configuration, 0 where there is none, and the places of its bodies."""
    n, d = places.shape
    turns = torch.linalg.qr(torch.randn(ORDERS, d, d, generator=generator, dtype=torch.float64))[0]
    turns[0] = torch.eye(d)
    orders = torch.stack([torch.arange(n), *(torch.randperm(n, generator=generator) for _ in range(ORDERS - 1))])
    q = inside(subject, subject.length * places[orders] @ turns.mT).repeat_interleave(WAYS, 0)
    away = subject.length * torch.randn(q.shape, generator=generator, dtype=torch.float64)
    momenta = subject.momentum * torch.randn(ORDERS, n, d, generator=generator, dtype=torch.float64)
    p = momenta.repeat_interleave(WAYS, 0).to(subject.dtype) if subject.kind == "H" else None
    near = ((q + x * away).to(subject.dtype) for x in NEAR[subject.dtype])
    wide, narrow = (subject(x, p).double().reshape(ORDERS, WAYS, -1) for x in near)
    spreads = [(x - x[:, :1]).abs().amax((1, 2)) for x in (wide, narrow)]
    sizes = [x.abs().amax((1, 2)) for x in (wide, narrow)]
    # A pole moves every value farther than it spreads them, as log |x| does; a frame depends on the way alone.
    drift = (wide - narrow).abs().amax(2).amin(1)
    pole = ~torch.isfinite(sizes[0] + sizes[1]) | (drift > 0.5 * spreads[0]) | (sizes[1] > SINGULAR * sizes[0])
    noise = 1e4 * tolerance * (sizes[1] + scale.spread)
    real = (spreads[1] > 0.3 * spreads[0]) & (spreads[1] > noise) & ~pole
    jumps = torch.where(real, spreads[1] / scale.spread, torch.zeros_like(spreads[1]))
    k = int(jumps.argmax())
    return jumps[k].item(), q[k * WAYS]
