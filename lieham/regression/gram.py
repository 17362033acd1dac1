"""Normal equations: regressions of many columns, where decomposing the rows themselves would take minutes."""

from __future__ import annotations

import torch

from lieham.typing import Bool, Float, Int, Tensor

MANY = 500
"""Regressions of more columns than this are solved by the normal equations."""
LEAST_RIDGE = 1e-14
"""Weaker ridges than this mean nothing there: AᵀA holds only half of the digits of A."""
VERY_MANY = 1_000
"""Of more columns than this only some folds are held out in turn."""
PART = 2_000
"""About how many rows are multiplied at a time."""


def gram(A: Float[Tensor, "w r c"], y: Float[Tensor, "w r"]) -> tuple[Float[Tensor, "c c"], Float[Tensor, " c"]]:
    """Return AᵀA and Aᵀy, part by part of the rows."""
    G, b = A.new_zeros(A.shape[-1], A.shape[-1]), A.new_zeros(A.shape[-1])
    step = max(1, PART // max(1, A.shape[1]))
    for k in range(0, len(A), step):
        rows, right = A[k : k + step].flatten(0, 1), y[k : k + step].flatten()
        G.addmm_(rows.mT, rows)
        b.add_(rows.mT @ right)
    return G, b


def held_out(
    A: Float[Tensor, "w r c"],
    y: Float[Tensor, "w r"],
    fold: Int[Tensor, " w"],
    ridges: Float[Tensor, " ridges"],
    columns: list[Bool[Tensor, " c"]],
) -> list[Float[Tensor, "ridges w r"]]:
    """Return what the solutions without a fold leave of that fold's rows, for nested choices of the columns.

    Args:
        A: rows, (windows, rows, columns).
        y: right-hand sides, (windows, rows).
        fold: the fold of every window, from 0 on.
        ridges: what is added to the diagonal of AᵀA, (ridges,).
        columns: the columns of every choice.

    Returns:
        For every choice A z − y, (ridges, windows, rows); rows of folds that were never held out are NaN.
    """
    folds = int(fold.max()) + 1
    parts = [gram(A[fold == k], y[fold == k]) for k in range(folds)]
    G, b = sum(x[0] for x in parts), sum(x[1] for x in parts)
    left = []
    for some in columns:
        found = y.new_full((len(ridges), *y.shape), torch.nan)
        few = some.nonzero().flatten()
        for k in range(folds if len(few) <= VERY_MANY else min(folds, 2)):
            kept = (G - parts[k][0])[few][:, few]
            values, V = torch.linalg.eigh(kept)
            z = V @ ((V.mT @ (b - parts[k][1])[few])[:, None] / (values.clamp(min=0)[:, None] + ridges))
            found[:, fold == k] = (A[fold == k][..., few] @ z - y[fold == k][..., None]).movedim(-1, 0)
        left.append(found)
    return left
