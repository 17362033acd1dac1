"""Algebra vectors of every length, and points, for every group in `cases.GROUPS`."""

from __future__ import annotations

import pytest
import torch

from lieham.groups import Group
from tests.helpers.cases import DTYPES, GROUPS, TOLERANCE

groups = pytest.mark.parametrize("group", GROUPS, ids=str)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda x: str(x).removeprefix("torch."))
SIZES = [1e-300, 1e-9, 1e-4, 0.1, 0.999, 1.001, 2.0, 3.0]
"""Lengths of algebra vectors: both sides of every Taylor switch, and angles below π."""


def draw(*shape: int, dtype=torch.float64, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def algebra(group: Group, dtype=torch.float64) -> torch.Tensor:
    """0, and random directions at every length of SIZES."""
    directions = draw(20, group.lie_dim)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    sizes = torch.tensor(SIZES, dtype=torch.float64)[:, None, None]
    a = torch.cat([torch.zeros(1, group.lie_dim, dtype=torch.float64), (sizes * directions).flatten(0, 1)])
    return a.to(dtype)


def shifts(group: Group) -> torch.Tensor:
    """Return for each generator whether it is a translation, (lie_dim,) bool."""
    A, b = group.generators()
    return (A.abs().sum((1, 2)) == 0) & (b.abs().sum(1) > 0)


def mirrored(group: Group, g: torch.Tensor) -> torch.Tensor:
    """Return g after the last reflection of the group, or g itself where it has none."""
    taken = torch.arange(len(group.reflections)) == len(group.reflections) - 1
    return g * group.signs(taken.expand(*g.shape[:-2], -1), g)


def close(got, want, dtype, scale=1.0):
    torch.testing.assert_close(got, want, rtol=0, atol=TOLERANCE[dtype] * scale)


def points(group: Group, dtype, n=200) -> torch.Tensor:
    return draw(2, n, group.space_dim, dtype=dtype, seed=3)
