"""Contractions with one ε tell left from right: u × v in the plane, u·(v × w) in space."""

from __future__ import annotations

from itertools import product

import numpy as np

from lieham.typing import Float


def handed_exponents(order: int, dim: int, most: int) -> list[tuple[int, ...]]:
    """Return the exponents of all contractions with one ε (`lieham.nn.invariants.Terms`), up to exchanges of moments.

    In the plane ε takes the place of one of the t inner products of two moments. In space it joins three moments, which
    share further indices by inner products. So e_13 and e_23 count ε too, and the last moment has rank e_13 + e_23 − 1.

    Args:
        order: the body order.
        dim: the dimension of space, 2 or 3.
        most: the largest rank of a moment.
    """
    if dim == 2:
        return [(t,) for t in range(1, most + 1)] if order >= 3 else []
    further = [x for x in product(range(most), repeat=3) if x[0] >= x[1] >= x[2]] if order >= 4 else []
    return [(p, q + 1, r + 1) for p, q, r in further if p + q + 1 <= most and p + r + 1 <= most and q + r + 1 <= most]


def exchanged(exponents: tuple[int, ...]) -> tuple[int, ...]:
    """Return the exponents without ε, by which exchanges of moments are found; such an exchange changes the sign."""
    p, *others = exponents
    return (p, *(e - 1 for e in others))


def dual(exponents: tuple[int, ...]) -> Float[np.ndarray, "x y"]:
    """Return the matrix that contracts ε with the last moment, whose indices are then those that the others leave.

    In the plane A'_i... = ε_ik A_k...; in space A'_i...j... = ε_ijk A_k......, where i comes before the e_13 − 1
    further indices that the moment shares with the first one, and j before those that it shares with the second one.

    Args:
        exponents: those of a contraction with ε.
    """
    if len(exponents) == 1:
        return np.kron(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2 ** (exponents[0] - 1)))
    epsilon = np.zeros((3, 3, 3))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        epsilon[i, j, k], epsilon[j, i, k] = 1.0, -1.0
    first, second = (np.eye(3 ** (e - 1)) for e in exponents[1:])
    whole = np.einsum("ijk,ab,cd->iajckbd", epsilon, first, second)
    return whole.reshape(3 ** sum(exponents[1:]), -1)
