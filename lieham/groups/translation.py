"""The trivial group moves nothing, and the translations T(d) shift all points alike."""

from __future__ import annotations

import torch

from lieham.groups.base import AXES, Group, affine, inverse_isometry
from lieham.groups.dimensions import check_least
from lieham.typing import Tensor


class Trivial(Group):
    """The trivial group {1} acts on R^d; every function is its invariant, and it conserves nothing.

    Args:
        dim: the dimension d of space.
    """

    acts_freely: bool = True
    lie_dim = 0
    charges = ()

    def __init__(self, dim: int):
        self.space_dim = check_least("Trivial", dim, 1)
        self.name = f"Trivial({dim})"

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        d = self.space_dim
        return torch.zeros(0, d, d, dtype=dtype, device=device), torch.zeros(0, d, dtype=dtype, device=device)

    def log(self, g: Tensor) -> Tensor:
        return g.new_zeros(*g.shape[:-2], 0)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (x, y), since each point is its own orbit."""
        return torch.cat(torch.broadcast_tensors(x, y), -1)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return 0 and |x − y|."""
        across = (x - y).square().sum(-1).sqrt()
        return torch.zeros_like(across), across


class Translation(Group):
    """The translations T(d) act by g·x = x + b, and their exp and log are b itself; their charges are P = Σ p_i.

    Args:
        dim: the dimension d of space.
    """

    acts_freely: bool = True

    def __init__(self, dim: int):
        self.space_dim = self.lie_dim = check_least("T", dim, 1)
        self.name = f"T({dim})"
        self.charges = tuple(f"P_{axis}" for axis in (AXES[:dim] if dim <= 3 else range(1, dim + 1)))

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        d = self.space_dim
        return torch.zeros(d, d, d, dtype=dtype, device=device), torch.eye(d, dtype=dtype, device=device)

    def exp(self, a: Tensor) -> Tensor:
        d = self.space_dim
        return affine(torch.eye(d, dtype=a.dtype, device=a.device).expand(*a.shape[:-1], d, d), a)

    def log(self, g: Tensor) -> Tensor:
        return g[..., :-1, -1]

    def inverse(self, g: Tensor) -> Tensor:
        return inverse_isometry(g)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x − y = log(g_y⁻¹ g_x)."""
        return x - y
