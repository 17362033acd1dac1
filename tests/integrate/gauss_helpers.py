"""Fields and states for Gauss-Legendre methods."""

from __future__ import annotations

import pytest
import torch

from lieham.integrate import Field, register
from lieham.state import PhaseState

register()  # for the tests of torchdiffeq below

METHODS = {"gauss2": 2, "gauss4": 4, "gauss6": 6}
over_methods = pytest.mark.parametrize("name", METHODS)


def start(*shape: int, seed: int = 0) -> PhaseState:
    g = torch.Generator().manual_seed(seed)
    return PhaseState(*(torch.randn(*shape, generator=g, dtype=torch.float64) for _ in "qp"))


def grid(end: float, steps: int) -> torch.Tensor:
    return torch.linspace(0, end, steps + 1, dtype=torch.float64)


class Twisted(Field):
    """Not separable, not linear, driven: H = (p²+q²)²/8 + q p sin(kq)/4 − a q cos t."""

    def __init__(self, k: torch.Tensor, a: torch.Tensor):
        self.k, self.a = k, a

    def __call__(self, t, state):
        q, p = state
        r, k = (q**2 + p**2) / 2, self.k
        dp = -r * q - p * (torch.sin(k * q) + k * q * torch.cos(k * q)) / 4 + self.a * torch.cos(t)
        return PhaseState(r * p + q * torch.sin(k * q) / 4, dp)
