"""This module poses forces as sums of plain functions: of pairs, of places, and of what no potential explains."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from lieham.data.check.motion import Motion

KNOTS = 9
"""The number of bumps along the logarithm of the distance, at quantiles of the distances in the data."""
POWERS = (0.0, -2.0, -3.0)
"""Powers s of r in pair forces r^s times the vector of the pair: springs, a 1/r force, gravity."""
MOST_INDEXED = 6
"""For more bodies than these, springs between each two of them are not told apart."""


@dataclass(frozen=True)
class Equations:
    """These are the equations Δp = ∫ F dt of every body over every window, divided by the body's own size of Δp.

    Args:
        target: Δp (k, windows, n, d).
        forces: the integrals of the functions of q, (k, windows, n, d, columns).
        weight: 1 for the equations that count, (k, windows, n), and 0 for others.
        unit: the size of Δp of each body, (k, n).
    """

    target: np.ndarray
    forces: np.ndarray
    weight: np.ndarray
    unit: np.ndarray


def pose(motion: Motion) -> Equations | None:
    """Return the equations of a motion; None if no momentum changes beyond its noise.

    F_i = Σ_j w_ij f(r_ij) (q_i − q_j) + w_i g(q_i), where f and g are sums of plain functions, w_ij is 1 or the product
    of the masses, or of a feature of both bodies, and w_i is 1, the mass or a feature.
    """
    target = motion.change(motion.p)
    unit = np.sqrt((target**2).sum(-1).mean(1))
    floor = 20 * motion.rounding * np.abs(motion.p).max((1, 3)) + 3 * motion.noise[1]
    counts = motion.real & (unit > floor)
    weight = (motion.whole[..., None] & counts[:, None]).astype(float)
    if not weight.any():
        return None
    scale = np.where(counts, unit, 1.0)[:, None, :, None]
    columns = np.concatenate([x for x in (_pairs(motion), _places(motion), _indexed(motion)) if x is not None], -1)
    forces = motion.integral(columns) / scale[..., None]
    size = np.sqrt((forces**2 * weight[..., None, None]).mean((0, 1, 2, 3)))
    kept = size > 1e-12 * size.max()
    return Equations(target / scale, (forces / np.where(kept, size, 1.0))[..., kept], weight, scale[:, 0, :, 0])


def _kinds(motion: Motion) -> list[np.ndarray]:
    """Return 1, the masses and the features of the bodies, (k, n) each, without those that tell nothing new."""
    one = np.ones_like(motion.mass)
    features = [motion.features[..., c] for c in range(min(motion.features.shape[-1], 3))]
    found = [one]
    for x in (motion.mass, *features):
        x = x / max(np.abs(x).max(), 1e-300)
        if all(np.abs(x - y).max() > 1e-3 for y in found) and np.abs(x).max() > 0:
            found.append(x)
    return found


def _pairs(motion: Motion) -> np.ndarray | None:
    """Return pair forces (k, time, n, d, columns), or None for one body."""
    n = motion.q.shape[2]
    if n < 2:
        return None
    apart = motion.q[:, :, :, None] - motion.q[:, :, None]
    distance = np.sqrt((apart**2).sum(-1))
    both = motion.real[:, :, None] & motion.real[:, None] & ~np.eye(n, dtype=bool)
    both = np.broadcast_to(both[:, None], distance.shape)
    real = distance[both]
    middle = np.median(real)
    if not middle > 0:
        return None
    r = np.where(both, np.maximum(distance, 1e-6 * middle), middle) / middle
    functions = [r**s for s in POWERS]
    knots = np.unique(np.quantile(np.log(np.maximum(real, 1e-6 * middle) / middle), np.linspace(0, 1, KNOTS)))
    if len(knots) > 3:
        width = np.maximum(np.gradient(knots), 1e-3)
        functions += [np.exp(-(((np.log(r) - c) / w) ** 2) / 2) for c, w in zip(knots, 1.5 * width, strict=True)]
    shapes = np.stack(functions, -1) * both[..., None]
    columns = []
    for w in _kinds(motion):
        strength = (w[:, :, None] * w[:, None])[:, None, ..., None]
        columns.append(np.einsum("ktijd,ktijc->ktidc", apart / middle, shapes * strength))
    return np.concatenate(columns, -1)


def _places(motion: Motion) -> np.ndarray:
    """Return forces of places (k, time, n, d, columns): gradients of monomials, radial ones, and in 1-D waves.

    They are gradients, so that a force that does work around a loop is none of their sums.
    """
    d, alone = motion.dim, motion.q.shape[2] == 1
    real = motion.real[:, None, :, None]
    x = motion.q / (np.abs(motion.q * real).max() + 1e-300)
    radius = np.sqrt((x**2).sum(-1, keepdims=True))
    columns = [x * np.maximum(radius, 1e-3) ** s for s in (-1.0, 1.0, 3.0)]
    degree = {1: 8, 2: 6, 3: 5}.get(d, 3) if alone else {1: 6, 2: 4, 3: 3}.get(d, 2)
    for powers in product(range(degree + 1), repeat=d):
        if 2 <= sum(powers) <= degree:
            columns.append(_gradient(x, np.array(powers)))
    if d == 1:
        columns += [f(k * np.pi * x) for k in (0.5, 1, 1.5) for f in (np.sin, np.cos)]
    plain = np.stack(columns, -1) * real[..., None]
    kinds = _kinds(motion) if plain.shape[-1] * len(_kinds(motion)) <= 60 else _kinds(motion)[:2]
    return np.concatenate([plain * w[:, None, :, None, None] for w in kinds], -1)


def _gradient(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return the gradient of the product of the coordinates of x (..., d) to these powers, (..., d)."""
    lowered = powers - np.eye(len(powers), dtype=int)
    return np.stack(
        [powers[a] * (x ** np.maximum(lowered[a], 0)).prod(-1) for a in range(len(powers))],
        -1,
    )


def _indexed(motion: Motion) -> np.ndarray | None:
    """Return springs between each two bodies and to each place by itself, where bodies are told by their index alone.

    None for many bodies.
    """
    k, time, n, d = motion.q.shape
    pairs = [(i, j) for i in range(n) for j in range(i)]
    if not 1 < n <= MOST_INDEXED:
        return None
    columns = np.zeros((k, time, n, d, 2 * len(pairs) + 2 * n))
    size = np.abs(motion.q).max() + 1e-300
    for c, (i, j) in enumerate(pairs):
        apart = (motion.q[:, :, i] - motion.q[:, :, j]) / size
        cubic = apart * (apart**2).sum(-1, keepdims=True)
        for force, place in ((apart, 2 * c), (cubic, 2 * c + 1)):
            columns[:, :, i, :, place], columns[:, :, j, :, place] = force, -force
    for i in range(n):
        x = motion.q[:, :, i] / size
        columns[:, :, i, :, 2 * len(pairs) + 2 * i] = x
        columns[:, :, i, :, 2 * len(pairs) + 2 * i + 1] = x * (x**2).sum(-1, keepdims=True)
    return columns * motion.real[:, None, :, None, None]
