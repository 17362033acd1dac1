"""Systems and models whose charges are watched."""

from __future__ import annotations

import torch

import lieham
import systems
from tests.helpers.cases import randomise


def start(dim: int) -> lieham.Trajectory:
    """Two systems of 5 bodies with P ≠ 0; nothing is centred."""
    return systems.Springs(n_bodies=5, dim=dim).generate(2, 0, 0, seed=11, points=2).train


def attractive(group: str, seed: int = 0) -> lieham.HLieConv:
    """Random weights whose potential attracts at a distance, so that the bodies stay together and keep meeting."""
    model = randomise(lieham.HLieConv(group, 1, width=16), seed)
    x = start(model.group.space_dim)
    far = 10 * x.q[:, 0]
    pull = -(model.field(x.bodies).force(torch.zeros(()), far) * far).sum().detach()
    with torch.no_grad():
        model.potential.network.readout.weight.mul_(pull.sign())
    return model
