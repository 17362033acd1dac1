"""The logarithm of a rotation in any dimension: it is found plane by plane, and its derivatives by Newton's steps."""

from __future__ import annotations

from math import pi

import numpy as np
import torch

from lieham.typing import Float, Tensor

SINGULAR = 1e-9
"""Where two planes turn by angles that add up to 2π, the logarithm jumps; derivatives across the jump count as 0."""


def rotation_log(R: Float[Tensor, "*batch d d"], basis: Float[Tensor, "k d d"]) -> Float[Tensor, "*batch k"]:
    """Return the coordinates a of the antisymmetric matrix W = Σ a_k A_k with exp W = R and angles in [−π, π].

    The real Schur form of R turns planes; its angles give W to round-off, and no derivatives. Two steps of Newton's
    method for exp(−W) R = 1, whose slope is taken at that W, correct the round-off. They are smooth functions of R, and
    give its first two derivatives exactly, also where angles are 0 or equal, where those of an eigenbasis are infinite.

    Args:
        R: rotations.
        basis: the antisymmetric matrices A_k, float64, each with the entries 1 and −1 alone.
    """
    exact = R.double()
    a = _coordinates(_by_planes(exact.detach()), basis)
    step = torch.linalg.pinv(_slope(a, basis), rtol=SINGULAR)
    for _ in range(2):
        left = torch.linalg.matrix_exp(-torch.einsum("...k,kij->...ij", a, basis)) @ exact
        a = a + (step @ _coordinates((left - left.mT) / 2, basis)[..., None])[..., 0]
    return a.to(R.dtype)


def _coordinates(W: Float[Tensor, "*batch d d"], basis: Float[Tensor, "k d d"]) -> Float[Tensor, "*batch k"]:
    return torch.einsum("...ij,kij->...k", W, basis) / 2


def _slope(a: Float[Tensor, "*batch k"], basis: Float[Tensor, "k d d"]) -> Float[Tensor, "*batch k k"]:
    """Return the matrix by which R⁻¹ dR follows from da: Σ_n (−ad W)ⁿ/(n + 1)!, a block of exp [[−ad W, 1], [0, 0]]."""
    k = len(basis)
    brackets = _coordinates(basis[:, None] @ basis - basis @ basis[:, None], basis)
    ad = torch.einsum("...m,mnk->...kn", a, brackets)
    one = torch.eye(k, dtype=a.dtype, device=a.device).expand_as(ad)
    whole = torch.nn.functional.pad(torch.cat([-ad, one], -1), (0, 0, 0, k))
    return torch.linalg.matrix_exp(whole)[..., :k, k:]


def _by_planes(R: Float[Tensor, "*batch d d"]) -> Float[Tensor, "*batch d d"]:
    """Return the antisymmetric W with exp W = R, from the real Schur form of each rotation."""
    from scipy.linalg import schur

    flat = R.cpu().numpy().reshape(-1, *R.shape[-2:])
    found = np.zeros_like(flat)
    for W, one in zip(found, flat, strict=True):
        T, Z = schur(one)
        turned = np.zeros_like(T)
        for i, j, angle in _planes(T):
            turned[j, i], turned[i, j] = angle, -angle
        W[:] = Z @ turned @ Z.T
    return torch.from_numpy(found).reshape(R.shape).to(R.device)


def _planes(T: np.ndarray) -> list[tuple[int, int, float]]:
    """Return the planes (i, j) of a real Schur form with their angles; axes that are reversed make planes by twos."""
    found, reversed_, i, d = [], [], 0, len(T)
    while i < d:
        if i + 1 < d and T[i + 1, i] != 0:
            found.append((i, i + 1, float(np.arctan2(T[i + 1, i] - T[i, i + 1], T[i, i] + T[i + 1, i + 1]))))
            i += 2
            continue
        if T[i, i] < 0:
            reversed_.append(i)
        i += 1
    return found + [(i, j, pi) for i, j in zip(reversed_[::2], reversed_[1::2], strict=False)]
