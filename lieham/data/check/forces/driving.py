"""This module looks for forces that oscillate with the time, whatever the positions are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from lieham.data.check.findings import Finding
from lieham.data.check.forces.fit import Fit

FREQUENCIES = 400
"""The number of frequencies that are tried."""
PEAKS = 4
"""The number of frequencies, for each kind of driving, that are fitted beside all other forces."""
LEAST_SHARE = 0.04
"""A frequency is fitted if it explains this share of what the other forces leave."""
MOST_TIMES = 3000
"""The number of windows by which frequencies are tried."""


def of_driving(fit: Fit, taken: Sequence[np.ndarray]) -> Finding | None:
    """Find a force that oscillates with time: alike on all bodies, or as the forces of the bodies on one another do.

    Args:
        fit: the forces of the motion.
        taken: forces in question that were found.
    """
    motion, unit = fit.motion, fit.equations.unit[:, None, :, None]
    left = fit.residual(taken)
    if (left**2).mean() <= 1e-10 * (fit.equations.target**2).mean():
        return None
    clock = motion.times + motion.start[:, None] - motion.start.min()
    early, late = clock[:, : left.shape[1]], clock[:, motion.width - 1 :]
    middle, h = (early + late) / 2, late - early
    own = (fit.equations.target - left) * fit.use
    shapes = [np.stack([h[..., None, None] / unit * e for e in np.eye(motion.dim)], -1) * fit.use[..., None]]
    shapes += [shapes[0] * motion.mass[:, None, :, None, None], own[..., None]]
    tried = []
    for kind, shape in enumerate(shapes):
        for omega, share in _strongest(left, shape, middle, float(np.median(motion.steps))):
            if share > LEAST_SHARE:
                columns = _oscillating(shape, middle, h, omega)
                tried.append((float((fit.residual([*taken, columns]) ** 2).sum()), omega, kind, columns))
    if not tried:
        return None
    _, omega, kind, columns = min(tried, key=lambda x: x[0])
    term = fit.term(columns, taken)
    few = len(motion) < 3
    if not fit.sure(columns, term) or term.left > (0.05 if few else 0.6):
        return None
    omega, columns = _refined(fit, taken, shapes[kind], (middle, h), omega)
    term = fit.term(columns, taken)
    what = "the forces of the bodies oscillate" if kind == 2 else "a force on all bodies oscillates"
    size = float(np.linalg.norm(term.value))
    unit_of = " of their mean" if kind == 2 else ""
    text = f"{what} with the time as cos({omega:.4g} t + φ), of amplitude {size:.3g}{unit_of}, "
    text += "so the energy is driven from outside and not kept: a Hamiltonian of q and p alone cannot say so"
    return Finding("driving", "fault", text, {"frequency": omega, "amplitude": size, "parametric": kind == 2})


def _strongest(left: np.ndarray, shape: np.ndarray, middle: np.ndarray, step: float) -> list[tuple[float, float]]:
    """Return frequencies at which the residual follows a shape times cos(ωt + φ) best, and the shares explained.

    The other forces explain a part of what oscillates, so the highest peak need not be that of the force in question.
    """
    span = float(np.ptp(middle))
    if span <= 0:
        return []
    count = int(min(FREQUENCIES, max(8, span / step)))
    grid = np.linspace(np.pi / span, min(0.5 * np.pi / step, np.pi / span * count), count)
    sums = np.einsum("ksnd,ksndc->ksc", left, shape).reshape(-1, shape.shape[-1])
    norms = (shape**2).sum((2, 3)).reshape(-1, shape.shape[-1])
    t, every = middle.ravel(), 1.0
    if len(t) > MOST_TIMES:
        chosen = np.linspace(0, len(t) - 1, MOST_TIMES).astype(int)
        every = len(t) / MOST_TIMES
        sums, norms, t = sums[chosen], norms[chosen], t[chosen]
    total = max((left**2).sum() / every, 1e-300)

    def shares(omega: np.ndarray) -> np.ndarray:
        waves = np.exp(1j * omega[:, None] * t)
        return (np.abs(waves @ sums) ** 2 / (0.5 * norms.sum(0) + 1e-300)).sum(1) / total

    found = shares(grid)
    padded = np.pad(found, 1, constant_values=-1)
    peaks = np.flatnonzero((found >= padded[:-2]) & (found >= padded[2:]))
    peaks = peaks[np.argsort(-found[peaks])][:PEAKS]
    best, width = [], grid[1] - grid[0]
    for omega in grid[peaks]:
        near = np.linspace(max(omega - width, 0.1 * width), omega + width, 21)
        fine = shares(near)
        best.append((float(near[fine.argmax()]), float(fine.max())))
    return best


def _refined(
    fit: Fit, taken: Sequence[np.ndarray], shape: np.ndarray, clock: tuple[np.ndarray, np.ndarray], omega: float
) -> tuple[float, np.ndarray]:
    """Return the frequency near `omega` that leaves least beside all other forces, and its columns."""
    width = np.pi / max(float(np.ptp(clock[0])), 1e-300)

    def left(x: float) -> float:
        return float((fit.residual([*taken, _oscillating(shape, *clock, x)]) ** 2).sum())

    best = minimize_scalar(left, bounds=(omega - width, omega + width), method="bounded", options={"maxiter": 12}).x
    return float(best), _oscillating(shape, *clock, float(best))


def _oscillating(shape: np.ndarray, middle: np.ndarray, h: np.ndarray, omega: float) -> np.ndarray:
    """Return a shape times cos ωt and times sin ωt, averaged over each window."""
    smooth = np.sinc(omega * h / 2 / np.pi)
    waves = np.stack([smooth * np.cos(omega * middle), smooth * np.sin(omega * middle)], -1)
    both = shape[..., None, :] * waves[:, :, None, None, :, None]
    return both.reshape(*shape.shape[:-1], -1)
