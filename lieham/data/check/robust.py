"""This module holds the regressions of the checks that a few wild rows do not move."""

from __future__ import annotations

import numpy as np

ROUNDS = 15
"""The number of times that weights are set anew by the residuals."""


def least_absolute(X: np.ndarray, Y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fit Y ≈ X C by the least sum of weighted lengths of residuals, by least squares whose weights are set anew.

    Args:
        X: rows (rows, columns).
        Y: targets (rows, outputs).
        weight: non-negative weights (rows,).

    Returns:
        The coefficients C, (columns, outputs).
    """
    w = weight
    C: np.ndarray = np.zeros((X.shape[1], Y.shape[1]))
    for _ in range(ROUNDS):
        A, b = X * w[:, None] ** 0.5, Y * w[:, None] ** 0.5
        C = np.linalg.lstsq(A, b, rcond=1e-9)[0]
        size = np.linalg.norm(Y - X @ C, axis=1)
        floor = 0.05 * np.median(size) + 1e-300
        w = weight / np.maximum(size, floor)
    return C


def slopes(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit y ≈ c x by itself in every row of the arrays, as `least_absolute` does.

    Args:
        x: values (k, rows).
        y: values (k, rows).
        weight: non-negative weights (k, rows).

    Returns:
        The slopes c (k,), and their standard errors; nan where x is 0.
    """
    w, c = weight, np.zeros(len(x))
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(ROUNDS):
            c = (w * x * y).sum(1) / (w * x * x).sum(1)
            size = np.abs(y - c[:, None] * x)
            w = weight / np.maximum(size, 0.05 * np.median(size, axis=1, keepdims=True) + 1e-300)
        w = w / w.max(1, keepdims=True)
        residual = y - c[:, None] * x
        error = np.sqrt((w**2 * x**2 * residual**2).sum(1)) / (w * x * x).sum(1)
    return c, error


def pooled(values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Return the median of values, weighted by 1/errors, and the standard error of their weighted mean."""
    good = np.isfinite(values) & np.isfinite(errors)
    if not good.any():
        return np.nan, np.nan
    value, w = values[good], 1 / np.maximum(errors[good], 1e-12 + 1e-3 * np.median(errors[good]))
    order = np.argsort(value)
    place = np.searchsorted(np.cumsum(w[order]), 0.5 * w.sum())
    return float(value[order][min(place, len(value) - 1)]), float((w**2).sum() ** -0.5)
