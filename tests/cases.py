"""The lists that laws are tested over: adding to a list adds its tests."""

from __future__ import annotations

import torch

from lieham.integrate import INTEGRATORS as METHODS
from lieham.integrate import make_integrator
from systems import Gravity, Springs

INTEGRATORS = [make_integrator(name) for name in METHODS]
"""Every registered integrator with its default settings."""

SYSTEMS = {
    "springs 2-D": Springs(6, 2),
    "springs 3-D": Springs(6, 3),
    "one spring body": Springs(1, 2),
    "two spring bodies": Springs(2, 3),
    "springs with a rest length": Springs(6, 2, rest_length=1.0),
    "springs 3-D with a rest length": Springs(2, 3, rest_length=0.7),
    "springs with centred momenta": Springs(6, 2, centred_momenta=True),
    "gravity 2-D": Gravity(6, 2),
    "gravity 3-D": Gravity(6, 3),
    "one star": Gravity(1, 2),
}
"""Every law in the dimensions, sizes and options that it has."""


def randomise(model, seed=0, scale=0.3):
    """Give every weight a random value; a fresh kernel network ends in zeros, which would hide half of the model."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.dtype))
    return model
