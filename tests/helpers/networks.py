"""Bodies of which one is padding."""

from __future__ import annotations

import torch

from lieham.state import Bodies
from tests.helpers.cases import cloud


def padded(dim: int) -> tuple[torch.Tensor, Bodies]:
    """Positions and bodies, the last of which is padding in one system of three."""
    q, _, bodies = cloud(dim)
    mask = bodies.mask.clone()
    mask[1, -1] = False
    return q, Bodies.of(bodies.mass, bodies.features, mask)
