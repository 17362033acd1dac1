"""Random points."""

from __future__ import annotations

import torch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(*shape: int, seed: int = 0, positive: bool = False) -> torch.Tensor:
    x = torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)
    return x.exp() if positive else x
