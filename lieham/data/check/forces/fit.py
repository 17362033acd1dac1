"""This module fits forces to a motion by least squares, and says how sure a force in question is beside all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lieham.data.check.forces.dictionary import Equations
from lieham.data.check.motion import Motion

FOLDS = 8
"""Coefficients are determined as many times, each time without one part of the data, for their errors."""
CERTAIN = 10.0
"""A force is named if its coefficient is this many times its error."""
FELT = 5e-3
"""A force is named if over the whole time it changes a momentum by at least this share."""
BETTER = 100.0
"""A force is named if it lowers the residual by this many times what a column of chance does."""
MOST_LEFT = 0.3
"""A force is named if it leaves no more than this share of the residual: else something else is missing, such as forces
of three bodies, with which it may well be correlated."""
RIDGE = 1e-11
"""The ridge, relative to the mean square of the columns, that makes the equations definite."""


@dataclass(frozen=True)
class Term:
    """A term is a force in question with its coefficients.

    Args:
        value: the coefficients, (columns,).
        error: their standard errors, from fits without one part of the data each.
        left: the mean square that equations leave unexplained with it, over that without it.
        rest: the share of the mean square of Δp that is left without it.
    """

    value: np.ndarray
    error: np.ndarray
    left: float
    rest: float


class Fit:
    """A fit holds the normal equations of a motion's forces, part by part, to which forces in question are added.

    Args:
        motion: the motion.
        equations: its equations.
    """

    def __init__(self, motion: Motion, equations: Equations) -> None:
        self.motion, self.equations = motion, equations
        self.shape = equations.target.shape
        self.use = np.broadcast_to(equations.weight[..., None] > 0, self.shape)
        self.y = equations.target[self.use]
        part = np.broadcast_to(_parts(*self.shape[:2])[..., None, None], self.shape)[self.use]
        self._rows = [np.flatnonzero(part == f) for f in range(FOLDS)]
        self._base = equations.forces[self.use]
        self._before: dict[int, float] = {}

    def residual(self, taken: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Return what the forces, and others that were taken, leave of Δp, (k, windows, n, d); 0 where none counts."""
        A = self._columns(taken)
        out = np.zeros(self.shape)
        out[self.use] = self.y - A @ _solved(A.T @ A, A.T @ self.y)
        return out

    def _columns(self, extra: Sequence[np.ndarray]) -> np.ndarray:
        own = [x[self.use] for x in extra]
        return np.concatenate([self._base, *(x / (np.sqrt((x**2).mean(0)) + 1e-300) for x in own)], -1)

    def term(self, extra: np.ndarray, taken: Sequence[np.ndarray] = ()) -> Term:
        """Determine the coefficients of forces in question beside all others.

        Args:
            extra: their integrals, (k, windows, n, d, columns).
            taken: those of other forces that are there already.
        """
        if len(taken) not in self._before:
            self._before[len(taken)] = float((self.residual(taken)[self.use] ** 2).mean())
        before = self._before[len(taken)]
        size = np.sqrt((extra[self.use] ** 2).mean(0)) + 1e-300
        A = self._columns([*taken, extra])
        blocks = [(A[rows].T @ A[rows], A[rows].T @ self.y[rows]) for rows in self._rows]
        G, b = np.sum([x[0] for x in blocks], axis=0), np.sum([x[1] for x in blocks], axis=0)
        theta, e = _solved(G, b), extra.shape[-1]
        parts = np.array([_solved(G - x[0], b - x[1])[-e:] for x in blocks if x[0].any()])
        error = np.sqrt(((parts - parts.mean(0)) ** 2).sum(0) * (len(parts) - 1) / max(len(parts), 1))
        after = float(((self.y - A @ theta) ** 2).mean())
        floor = (1e-13 + self.motion.rounding) ** 2
        left = (after + floor) / (before + floor)
        return Term(theta[-e:] / size, error / size, left, before / max(float((self.y**2).mean()), 1e-300))

    def sure(self, extra: np.ndarray, term: Term) -> bool:
        """Return True if the data are certain of a term, and it is felt over the whole time."""
        certain = np.abs(term.value) > CERTAIN * term.error
        if not certain.any() or not np.isfinite(term.error).all():
            return False
        gain = (1 - term.left) / max(term.left, 1e-300) * len(self.y) / extra.shape[-1]
        part = (extra[self.use] * term.value)[:, certain].sum(-1)
        windows = (self.motion.points - 1) / (self.motion.width - 1)
        whole = (self.motion.p / self.equations.unit[:, None, :, None])[
            self.motion.real[:, None].repeat(self.motion.points, 1)
        ]
        felt = np.sqrt((part**2).mean()) * windows > FELT * np.sqrt((whole**2).mean())
        return bool(gain > BETTER and felt and term.left < MOST_LEFT)


def _solved(G: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the ridge solution of normal equations; where these are singular, the shortest one."""
    H = G + RIDGE * np.trace(G) / len(G) * np.eye(len(G))
    try:
        return np.linalg.solve(H, b)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(H, b, rcond=None)[0]


def _parts(k: int, s: int) -> np.ndarray:
    """Return the part that each window belongs to, (k, windows): whole trajectories, or pieces where they are few."""
    if k >= FOLDS // 2:
        return np.broadcast_to((np.arange(k) % FOLDS)[:, None], (k, s))
    return np.broadcast_to((np.arange(s) * FOLDS // s)[None], (k, s))
