"""This module infers masses from motion: the ratios for which the momenta of a group are conserved."""

from __future__ import annotations

from typing import NamedTuple

import torch

from lieham._support.clock import exact_times
from lieham._support.polynomials import derivative
from lieham.errors import InputError, expected
from lieham.groups import Group, make_group
from lieham.typing import Float, Int, Tensor

DETERMINED = 0.2
"""A mass counts as known if its relative standard error is less than this."""

BLOCKS = 10
"""Each trajectory is divided into so many spans of time, within which the misfits of the momenta may be correlated."""


class Masses(NamedTuple):
    """A result that holds inferred masses and their errors.

    Args:
        mass: positive masses of mean 1, (n,) or (trajectories, n).
        error: the relative standard errors of the masses, of the same shape.
    """

    mass: Float[Tensor, "*batch n"]
    error: Float[Tensor, "*batch n"]


def infer_masses(
    times: Float[Tensor, "*grid time"],
    q: Float[Tensor, "k time n d"],
    v: Float[Tensor, "k time n d"] | None = None,
    *,
    group: str | Group,
    shared: bool = True,
) -> Masses:
    """Find the ratios of masses for which every isometry of `group` has a charge that is constant in time (Noether).

    Σ_i m_i v_i·(A q_i + b) = const for every generator x ↦ A x + b with A antisymmetric. These linear equations for m
    are solved by the smallest singular vector over all times, generators and, where the masses are `shared`,
    trajectories. From positions alone, Σ_i m_i q_i·b moves uniformly under translations, and these are used alone; for
    a group without translations v is the derivative of q through 5 neighbouring times. **The scale cannot be known**:
    m, p and V times any c give the same motion. So the mean mass is 1, in every trajectory by itself where masses are
    not shared. The errors allow for misfits that last, such as those of a small force which the momenta do not know.

    Args:
        times: (time,) or (trajectories, time), increasing.
        q: positions (trajectories, time, n, d).
        v: velocities like q; None where they were not observed.
        group: the symmetry of the motion, such as "SE(2)" or "T(3)".
        shared: True if the bodies of all trajectories are the same, so that each has one mass throughout.

    Returns:
        The masses and their relative standard errors.

    Raises:
        InputError: shapes do not fit, the group has no such motions, or the masses are not determined, because bodies
            do not act on one another, times are too few, noise is too large, or the motion has another symmetry.

    Example:
        >>> import torch
        >>> from systems import Gravity
        >>> state, bodies = Gravity(3).sample(2, torch.Generator().manual_seed(0))
        >>> bodies = bodies.map(lambda x: x[:1].expand_as(x))  # the same bodies in both
        >>> times = torch.linspace(0, 1, 20, dtype=torch.float64)
        >>> path = Gravity(3).solve(state, bodies, times)
        >>> found = infer_masses(times, path.q, path.p / bodies.mass[:, None, :, None], group="SE(2)")
        >>> torch.allclose(found.mass, bodies.mass[0] / bodies.mass[0].mean(), rtol=1e-6)
        True
    """
    group = make_group(group)
    times = _checked(times, q, v, group)
    rows = torch.cat(_rows(times, q, v, group), 1)
    blocks = _blocks(q.shape[0], q.shape[1], rows.shape[1], shared).to(rows.device)
    if shared:
        rows = rows.flatten(0, 1)[None]
    mass, error = _null(rows, blocks)
    bad = ~((mass > 0).all(-1) & (error < DETERMINED).all(-1))
    if bool(bad.any()):
        k = int(bad.nonzero()[0])
        raise InputError(
            f"masses must follow from the motion, got {_text(mass[k])} with relative errors {_text(error[k])}: the "
            f"bodies must act on one another and keep the momenta of {group}; more times or trajectories may help"
        )
    return Masses(*(x.squeeze(0).to(q.dtype) if shared else x.to(q.dtype) for x in (mass, error)))


def _checked(times: Tensor, q: Tensor, v: Tensor | None, group: Group) -> Float[Tensor, "k time"]:
    if q.ndim != 4 or q.shape[-1] != group.space_dim:
        raise expected("q", f"of shape (trajectories, time, n, {group.space_dim}) for {group}", tuple(q.shape))
    if q.shape[1] < 3:
        raise expected("times", "at least 3 where masses are inferred", q.shape[1])
    if v is not None and v.shape != q.shape:
        raise expected("v", f"of shape {tuple(q.shape)} like q", tuple(v.shape))
    if times.shape not in (q.shape[:2], q.shape[1:2]):
        raise expected("times", f"of shape {tuple(q.shape[:2])} or {tuple(q.shape[1:2])}", tuple(times.shape))
    if not bool(group.isometries.any()):
        raise InputError(f"group must hold motions that keep lengths, such as SE(2) or T(3), got {group}")
    return exact_times(times, q.dtype).expand(q.shape[:2])


def _rows(times: Tensor, q: Tensor, v: Tensor | None, group: Group) -> list[Float[Tensor, "k rows n"]]:
    """Return each body's share of the charge at every time, for every isometry.

    The part that a constant charge (or one that grows uniformly, from positions alone) allows is subtracted.
    """
    A, b = (x.double()[group.isometries] for x in group.generators())
    eps = torch.finfo(q.dtype).eps
    q, v = q.double(), None if v is None else v.double()
    slope = derivative(times, q) if v is None else v
    shifts = A.abs().sum((1, 2)) == 0
    found = []
    for turn, shift in zip(A, b, strict=True):
        if v is None and bool(shifts.any()) and bool(turn.any()):
            continue
        uniform = v is None and not bool(turn.any())
        share = q @ shift if uniform else (slope * (q @ turn.mT + shift)).sum(-1)
        allowed = torch.linalg.qr((times - times[:, :1])[..., None] ** torch.arange(1 + uniform, device=q.device)).Q
        rows = share - allowed @ (allowed.mT @ share)
        size, floor = rows.square().mean().sqrt(), 100 * eps * share.square().mean().sqrt()
        found.append(rows / size if bool(size > floor) else torch.zeros_like(rows))
    return found


def _blocks(k: int, time: int, rows: int, shared: bool) -> Int[Tensor, "k rows"]:
    """Return the number of the block that each row is in: `BLOCKS` equal spans of time for each trajectory."""
    span = (torch.arange(time) * min(BLOCKS, time) // time).repeat(rows // time)
    return (torch.arange(k)[:, None] * BLOCKS + span).flatten()[None] if shared else span.expand(k, rows)


def _null(
    rows: Float[Tensor, "k rows n"], blocks: Int[Tensor, "k rows"]
) -> tuple[Float[Tensor, "k n"], Float[Tensor, "k n"]]:
    """Return the vector m of mean 1 that minimises |rows m| at its length, and its relative standard errors.

    The smallest singular value gives the noise of the rows, and the others give how well they determine m. What one
    point of time misses, its neighbours miss too, if a force is missing from the law rather than a digit from the data.
    So rows of one block may be correlated: with g_b = Σ_{r in b} (row_r · m) row_r, the covariance of m is
    (RᵀR)⁺ (Σ_b g_b g_bᵀ) (RᵀR)⁺, and the larger of the two errors is returned.
    """
    _, S, V = torch.linalg.svd(rows, full_matrices=rows.shape[1] < rows.shape[2])
    n = rows.shape[-1]
    if S.shape[-1] < n:
        S = torch.cat([S, S.new_zeros(len(S), n - S.shape[-1])], -1)
    floor = torch.finfo(S.dtype).eps * S[:, :1] * rows.shape[1] ** 0.5
    noise = (S[:, -1:].square() / max(rows.shape[1] - n + 1, 1) + floor.square()).sqrt()
    mass, tiny = V[:, -1] * torch.where(V[:, -1].sum(-1, keepdim=True) < 0, -1.0, 1.0), torch.finfo(S.dtype).tiny
    shares = V[:, :-1] / S[:, :-1, None].clamp(min=tiny)
    independent = noise * shares.square().sum(1).sqrt()

    each = rows @ (shares / S[:, :-1, None].clamp(min=tiny)).mT * (rows @ mass[..., None])
    count = int(blocks.max()) + 1
    total = each.new_zeros(len(each), count, n - 1).scatter_add(1, blocks[..., None].expand_as(each), each)
    correlated = (total @ V[:, :-1]).square().sum(1).sqrt() * (count / max(count - 1, 1)) ** 0.5
    error = torch.maximum(independent, correlated) / mass.abs().clamp(min=tiny)
    return mass / mass.mean(-1, keepdim=True), error


def _text(x: Tensor) -> str:
    return "(" + ", ".join(f"{y:.2g}" for y in x.tolist()) + ")"
