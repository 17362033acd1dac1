"""Screws about the z axis form a group of one dimension."""

from __future__ import annotations

from math import isfinite

import torch

from lieham.errors import expected
from lieham.groups.base import Group, affine, inverse_isometry
from lieham.groups.rotation import SO2
from lieham.typing import Tensor


class Helical(Group):
    """A screw about z turns by θ and shifts by c θ along z, which is the symmetry of a helix of pitch 2πc.

    Neither L_z nor P_z is conserved, but J = L_z + c P_z is.

    Args:
        c: the shift per radian.

    Raises:
        InputError: if c is 0 or not finite.
    """

    acts_freely: bool = True
    space_dim, lie_dim = 3, 1
    charges = ("J",)

    def __init__(self, c: float = 1.0):
        if not isfinite(c) or c == 0:
            raise expected("c", "finite and not 0", c)
        self.c, self.name, self.rotation = float(c), f"Helical({c:g})", SO2()

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        A = torch.zeros(1, 3, 3, dtype=dtype, device=device)
        A[0, 0, 1], A[0, 1, 0] = -1.0, 1.0
        return A, torch.tensor([[0.0, 0.0, self.c]], dtype=dtype, device=device)

    def exp(self, a: Tensor) -> Tensor:
        turn = torch.nn.functional.pad(self.rotation.matrix(a[..., 0]), (0, 1, 0, 1))
        along = torch.zeros(3, 3, dtype=a.dtype, device=a.device)
        along[2, 2] = 1.0
        return affine(turn + along, torch.nn.functional.pad(self.c * a, (2, 0)))

    def log(self, g: Tensor) -> Tensor:
        """Return the shift along z over c, which is no angle and hence has no cut."""
        return g[..., 2, 3:] / self.c

    def inverse(self, g: Tensor) -> Tensor:
        return inverse_isometry(g)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return both points turned back by their own z/c, and z_x − z_y."""
        x, y = torch.broadcast_tensors(x, y)
        return torch.cat([self._unscrewed(x), self._unscrewed(y), x[..., 2:] - y[..., 2:]], -1)

    def _unscrewed(self, x: Tensor) -> Tensor:
        c, s = torch.cos(x[..., 2] / self.c), torch.sin(x[..., 2] / self.c)
        return torch.stack([c * x[..., 0] + s * x[..., 1], c * x[..., 1] - s * x[..., 0]], -1)
