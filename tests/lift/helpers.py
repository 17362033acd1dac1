"""The cutoff at a given radius."""

from __future__ import annotations

import torch

from lieham.lift import cutoff


def ends(x: torch.Tensor, r: float) -> torch.Tensor:
    return cutoff(x, torch.tensor(r, dtype=x.dtype))
