"""This module checks momenta against positions: p/m has to be dq/dt, along every axis and for every body."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lieham.data.check.explanations import LEAST, have_same_masses, of_axes, of_factor, of_masses, of_potential
from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion
from lieham.data.check.robust import least_absolute, pooled, slopes

FEW_ROWS = 60
"""With fewer windows what explains a difference cannot be told, so none is called a fault for that."""


@dataclass(frozen=True)
class Rows:
    """Rows compare displacements with integrals of p/m over windows, in units of each body's own displacements.

    Args:
        x: displacements (k, windows, n, d).
        y: integrals of p/m like x.
        low: the same integrals of a lower order.
        error: bound of the error of a row (k, windows, n).
        weight: weight of a row (k, windows, n), 0 for padded bodies and where frames are out of order.
        size: the unit of length of each body (k, n).
    """

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    size: np.ndarray

    def flat(self, z: np.ndarray) -> np.ndarray:
        """Return the values of the rows that count, (rows, ...)."""
        return z[self.weight > 0]


def check_momenta(motion: Motion) -> list[Finding]:
    """Compare p/m with dq/dt, and name the factor, the masses, the axes or the field that explains a difference."""
    if motion.guessed or motion.points < 3:
        return []
    rows = compare(motion)
    if rows is None:
        return []
    each = by_body(motion, rows)
    factor = common(rows, each)
    off = rows.flat(np.linalg.norm(rows.y - rows.x, axis=-1))
    plain = float(np.median(off / rows.flat(rows.error))) <= 1
    if plain and each.odd.any():
        return [of_masses(motion, each.factor)]
    if plain:
        unlike = _unlike(motion)
        if factor is None and unlike is not None:
            return [_unexplained(unlike)]
        return [] if factor is None else [of_factor(motion, factor)]
    share = float(np.median(off) / np.median(np.linalg.norm(rows.flat(rows.x), axis=-1)))
    found = of_integrator(motion, rows) or _explained(motion, rows, each, factor)
    if found is not None:
        return [found]
    if share < 0.01:
        return [] if factor is None else [of_factor(motion, factor)]
    few = len(rows.flat(rows.x)) < FEW_ROWS
    return [replace(_unexplained(share), severity="note") if few else _unexplained(share)]


def _unexplained(share: float) -> Finding:
    text = (
        f"p differs from m dq/dt by {share:.2g} of its size (median), and no factor, masses, axes or vector potential"
    )
    text += " explains it: check units, order and times of the arrays, or give q alone"
    return Finding("momentum-unexplained", "fault", text, {"share": share})


def _unlike(motion: Motion) -> float | None:
    """Return by what share p/m is unlike the slopes of q where these are well resolved, or None if it is like them."""
    if motion.points < 5:
        return None
    q, t = motion.q, motion.times
    near = (q[:, 3:-1] - q[:, 1:-3]) / (t[:, 3:-1] - t[:, 1:-3])[..., None, None]
    far = (q[:, 4:] - q[:, :-4]) / (t[:, 4:] - t[:, :-4])[..., None, None]
    size = np.linalg.norm(near, axis=-1)
    counts = motion.real[:, None] & motion.fine[:, 2:-2, None] & (size > 0)
    if not counts.any():
        return None
    off = (np.linalg.norm(x - near, axis=-1)[counts] / size[counts] for x in (far, motion.v[:, 2:-2]))
    apart, unlike = (float(np.median(x)) for x in off)
    return unlike if apart < 0.1 and unlike > 0.3 else None


def compare(motion: Motion) -> Rows | None:
    """Return the rows of all windows whose frames are in order, or None if no body moves enough to tell."""
    x, y, low = motion.change(motion.q), motion.integral(motion.v), motion.integral(motion.v, 1)
    size = np.sqrt((x**2).sum(-1).mean(1))
    noise_q, noise_p = motion.noise
    spread = np.linalg.norm(motion.weights[0], axis=-1)[..., None]
    noise = 1.5 * noise_q + spread * (noise_p / motion.mass)[:, None, :]
    truncation = np.linalg.norm(y - low, axis=-1)
    rounding = motion.rounding * (np.abs(motion.q).max((1, 3))[:, None] * 4 + np.abs(y).max(-1))
    unit = np.maximum(size, 1e-300)[:, None]
    error = (3 * truncation + 5 * np.sqrt(motion.dim) * noise + 4 * rounding) / unit
    counts = motion.real[:, None] & motion.whole[:, :, None] & (size[:, None] > 20 * rounding)
    counts = counts & np.isfinite(error)
    if not counts.any():
        return None
    weight = counts / ((truncation / unit) ** 2 + 1e-6)
    unit = unit[..., None]
    return Rows(x / unit, y / unit, low / unit, error + 1e-9, weight, size)


@dataclass(frozen=True)
class Each:
    """These are the factors between ∫ p/m dt and the displacements, body by body.

    Args:
        factor: the slope of each body, (k, n), nan where it cannot be told.
        error: its standard error.
        odd: True for the bodies (k, n) whose factor differs from that of most bodies in most trajectories.
    """

    factor: np.ndarray
    error: np.ndarray
    odd: np.ndarray


def by_body(motion: Motion, rows: Rows) -> Each:
    """Return the factor of every body of every trajectory."""
    k, s, n, d = rows.x.shape
    x, y, low = (z.transpose(0, 2, 1, 3).reshape(k * n, s * d) for z in (rows.x, rows.y, rows.low))
    weight = np.repeat(rows.weight.transpose(0, 2, 1).reshape(k * n, s), d, 1)
    c, error = slopes(x, y, weight)
    lower, _ = slopes(x, low, weight)
    bias = np.minimum(np.median(rows.error, axis=1), 1e3).ravel() ** 2
    error = error + np.abs(c - lower) + bias + 1e-9
    error[(weight > 0).sum(1) < 2] = np.nan
    c, error = (z.reshape(k, n) for z in (np.where(np.isfinite(error), c, np.nan), error))
    known = np.isfinite(c)
    most = np.median(c[known]) if known.any() else 1.0
    far = known & (np.abs(c - most) > np.maximum(0.01 * abs(most), 8 * error))
    often = far.sum(0) > 0.8 * np.maximum(known.sum(0), 1)
    if not have_same_masses(motion):
        often = np.full(n, far.sum() > 0.2 * known.sum()) | often
    return Each(c, error, far & often & (error < 0.1 * np.abs(c)))


def common(rows: Rows, each: Each) -> float | None:
    """Return the factor of all bodies, or None if it is 1 or cannot be told."""
    value, mean_error = pooled(each.factor.ravel(), each.error.ravel())
    bias = np.median(rows.flat(rows.error)) ** 2
    if not np.isfinite(value) or abs(value - 1) <= max(LEAST, 6 * mean_error + bias):
        return None
    return value


def of_integrator(motion: Motion, rows: Rows) -> Finding | None:
    """Return what tells velocities at other times than those of q, or those of an integrator of second order.

    ∫ p/m dt − Δq = α h Δv + β h² Δv̇ then explains at least nine tenths of the difference; α is the delay in steps.
    """
    steps, w = motion.steps, motion.width
    if w < 5 or np.ptp(steps) > 1e-6 * steps.max():
        return None
    h, v, span = steps.mean(), motion.v, motion.points - w + 1
    late, early = v[:, w - 1 :] - v[:, w - 2 : -1], v[:, 1 : span + 1] - v[:, :span]
    unit = np.maximum(rows.size, 1e-300)[:, None, :, None]
    columns = np.stack([h * motion.change(v) / unit, h * (late - early) / unit], -1)
    A, y = rows.flat(columns).reshape(-1, 2), rows.flat(rows.y - rows.x).ravel()
    weight = np.repeat(rows.flat(rows.weight), motion.dim)
    size = np.sqrt((A**2).mean(0)) + 1e-300
    (alpha,), (beta,) = least_absolute(A / size, y[:, None], weight) / size[:, None]
    left = np.median(np.abs(y - A @ [alpha, beta])) / max(np.median(np.abs(y)), 1e-300)
    if left > 0.1 or abs(alpha) > 3 or abs(beta) > 2:
        return None
    figures = {"delay": float(alpha), "second_order": float(beta)}
    if abs(alpha) > 0.05:
        text = (
            f"p/m is dq/dt at times that lie {abs(alpha):.2g} steps {'after' if alpha > 0 else 'before'} those of q, "
        )
        text += "as in a staggered leapfrog: interpolate one to the times of the other"
        return Finding("time-shift", "fault", text, figures)
    share = float(np.median(np.linalg.norm(rows.flat(rows.y - rows.x), axis=-1)))
    text = f"p/m differs from dq/dt by {share:.1e} of it, as h² times its second derivative: an integrator of second "
    text += "order made the data, and its error is the least that can be learned; take shorter steps there"
    return Finding("second-order", "note", text, figures | {"share": share})


def _explained(motion: Motion, rows: Rows, each: Each, factor: float | None) -> Finding | None:
    """Return the simplest explanation of the difference that leaves at most a tenth of it, or the best of all."""
    X, Y, weight = (rows.flat(z) for z in (rows.x, rows.y, rows.weight))
    before = np.median(np.linalg.norm(Y - X, axis=1))
    value = 1.0 if factor is None else factor
    own = np.where(np.isfinite(each.factor), each.factor, value)
    M = _matrix(X, Y, weight, value)
    masses = Y - rows.flat(np.broadcast_to(own[:, None, :, None], rows.x.shape)) * X
    left = {"masses": masses} if each.odd.any() else {} if factor is None else {"factor": Y - value * X}
    if _turns(M):
        left["axes"] = Y - X @ M
    left |= {"masses": masses, "canonical": _potential(motion, rows)}
    after = {name: np.median(np.linalg.norm(z, axis=1)) / before for name, z in left.items()}
    enough = [name for name, share in after.items() if share < 0.1]
    name = enough[0] if enough else min(after, key=lambda x: after[x])
    if after[name] > 0.5:
        return None
    if name == "factor":
        return of_factor(motion, value)
    if name == "axes":
        return of_axes(M)
    return of_masses(motion, own) if name == "masses" else of_potential(1 - after[name])


def _matrix(X: np.ndarray, Y: np.ndarray, weight: np.ndarray, value: float) -> np.ndarray:
    """Return the matrix M of Y ≈ X M; a multiple of 1 where the displacements do not span space."""
    spread = np.linalg.eigvalsh((X * weight[:, None]).T @ X)
    if spread[0] < 1e-4 * spread[-1]:
        return value * np.eye(X.shape[1])
    return least_absolute(X, Y, weight)


def _turns(M: np.ndarray) -> bool:
    """Return True for a matrix that turns axes, or swaps and scales them, and for no other."""
    size = np.abs(M)
    order = size.argmax(0)
    rest = size.sum() - size[order, np.arange(len(M))].sum()
    swaps = sorted(order) == list(range(len(M))) and rest < 0.1 * size.sum()
    square = M.T @ M
    return swaps or bool(np.abs(square * len(M) / np.trace(square) - np.eye(len(M))).max() < 0.1)


def _potential(motion: Motion, rows: Rows) -> np.ndarray:
    """Return what is left of the difference beside a function of q, of second degree, a body's charge being a feature.

    m (∫ p/m dt − Δq) = ∫ a(q) dt, with a = Σ_c f_c (A_c q + q B_c q), where f_0 = 1 and the others are features.
    """
    q, d = motion.q / max(np.abs(motion.q).max(), 1e-300), motion.dim
    squares = [q[..., a] * q[..., b] for a in range(d) for b in range(a, d)]
    charge = np.concatenate([np.ones_like(motion.mass)[..., None], motion.features], -1)
    linear = rows.flat(rows.x).shape[0] < 4 * len(squares) * charge.shape[-1]
    columns = np.concatenate([q, *([] if linear else [np.stack(squares, -1)]), np.ones_like(q[..., :1])], -1)
    integrals = motion.integral(columns)
    both = integrals[..., None, :] * charge[:, None, :, :, None]
    scale = (motion.mass * rows.size)[:, None, :, None]
    A = both.reshape(*both.shape[:3], -1) / np.maximum(scale, 1e-300)
    X, Y, A, weight = (rows.flat(z) for z in (rows.x, rows.y, A, rows.weight))
    if len(A) < 2 * A.shape[1]:
        return Y - X
    size = np.abs(A).max(0) + 1e-300
    return Y - X - A / size @ least_absolute(A / size, Y - X, weight)
