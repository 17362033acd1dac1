"""Rotations about the origin form the groups SO(d)."""

from __future__ import annotations

from abc import abstractmethod
from itertools import combinations

import torch

from lieham._support.numerics import asin_over, cosc, sinc
from lieham.groups.base import Group, affine, inverse_isometry
from lieham.groups.dimensions import check_least
from lieham.groups.rotation_log import rotation_log
from lieham.typing import Float, Tensor


def cross_matrix(w: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the matrix W with W x = w × x."""
    x, y, z = w.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*w.shape[:-1], 3, 3)


class Rotations(Group):
    """The groups SO(d) share this part: they turn space about the origin, and can be drawn from the Haar measure."""

    @abstractmethod
    def turns(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw rotations (*shape, d, d) from the Haar measure.

        Args:
            shape: how many are drawn.
            generator: the source of the draws.
        """

    def inverse(self, g: Tensor) -> Tensor:
        return inverse_isometry(g)


class _RotationsOfSpace(Rotations):
    """From three dimensions on, SO(d) does not act freely, and lengths are the only invariants of two vectors."""

    beside_lengths = ()

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Tensor:
        return self.turns(*shape, generator=generator)

    def free_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (x, y), since no part of SO(d) acts freely."""
        return torch.cat(torch.broadcast_tensors(x, y), -1)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (|x − y|², |x|², |y|²), the invariants of two vectors."""
        return self.pair_lengths(x, y)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the angle between the two, 2 atan(|u − v|/|u + v|) with u = |y| x, v = |x| y, and of their radii."""
        r, s = (z.norm(dim=-1) for z in (x, y))
        u, v = x * s[..., None], y * r[..., None]
        return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1)), (r - s).abs()


class SO2(Rotations):
    """SO(2) turns the plane about the origin: a = (θ), with the charge L = Σ x p_y − y p_x.

    exp(θ) = [[cos θ, −sin θ], [sin θ, cos θ]], and log is atan2.
    """

    acts_freely: bool = True
    name = "SO(2)"
    space_dim, lie_dim = 2, 1
    charges = ("L",)
    beside_lengths = (1,)

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        A = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=dtype, device=device)
        return A, torch.zeros(1, 2, dtype=dtype, device=device)

    def matrix(self, angle: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 2 2"]:
        """Return the rotation matrix of an angle."""
        c, s = angle.cos(), angle.sin()
        return torch.stack([c, -s, s, c], -1).reshape(*angle.shape, 2, 2)

    def exp(self, a: Tensor) -> Tensor:
        return affine(self.matrix(a[..., 0]), a.new_zeros(*a.shape[:-1], 2))

    def log(self, g: Tensor) -> Tensor:
        """Return θ in (−π, π]."""
        return torch.atan2(g[..., 1, 0], g[..., 0, 0])[..., None]

    def turns(self, *shape: int, generator: torch.Generator) -> Tensor:
        turn = torch.rand(*shape, generator=generator, dtype=torch.float64, device=generator.device)
        return self.matrix(2 * torch.pi * turn)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (x·y, x×y, |x|², |y|²), which are |x||y| e^{iθ} and both orbits without the angle's cut."""
        x, y = torch.broadcast_tensors(x, y)
        cross = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
        return torch.stack([(x * y).sum(-1), cross, x.square().sum(-1), y.square().sum(-1)], -1)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the angle between the two, and the difference of their radii."""
        cross = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
        return torch.atan2(cross, (x * y).sum(-1)).abs(), (x.norm(dim=-1) - y.norm(dim=-1)).abs()


class SO3(_RotationsOfSpace):
    """SO(3) turns space about the origin: a = w, the rotation vector, with the charges L = Σ q_i × p_i.

    exp is Rodrigues' formula R = 1 + (sin θ/θ) W + ((1 − cos θ)/θ²) W². log goes through the unit quaternion, of which
    the largest component is computed first, so that it is smooth up to angle π.
    """

    name = "SO(3)"
    space_dim, lie_dim = 3, 3
    charges = ("L_x", "L_y", "L_z")

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        A = cross_matrix(torch.eye(3, dtype=dtype, device=device))
        return A, torch.zeros(3, 3, dtype=dtype, device=device)

    def matrix(self, w: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
        """Return the rotation matrix of a rotation vector."""
        x = w.square().sum(-1)[..., None, None]
        W = cross_matrix(w)
        return torch.eye(3, dtype=w.dtype, device=w.device) + sinc(x) * W + cosc(x) * (W @ W)

    def vector(self, R: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
        """Return the rotation vector of a rotation matrix, with its angle in [0, π]."""
        q = _quaternion(R)
        v, w = q[..., 1:], q[..., :1]
        return 2 * v * asin_over(v.square().sum(-1, keepdim=True), w)

    def exp(self, a: Tensor) -> Tensor:
        return affine(self.matrix(a), torch.zeros_like(a))

    def log(self, g: Tensor) -> Tensor:
        return self.vector(g[..., :3, :3])

    def turns(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw rotations (*shape, 3, 3) by unit quaternions that are uniform on the sphere."""
        normal = torch.randn(*shape, 4, generator=generator, dtype=torch.float64, device=generator.device)
        q = normal / normal.norm(dim=-1, keepdim=True)
        v, w = q[..., 1:], q[..., :1]
        return self.matrix(2 * v * asin_over(v.square().sum(-1, keepdim=True), w.abs()) * w.sign())


class SpecialOrthogonal(_RotationsOfSpace):
    """SO(d) turns a space of any dimension d ≥ 2; in two and three dimensions it is SO2 and SO3, with less effort.

    Its generators are turns from axis i to axis j, with the charges L_ij = Σ x_i p_j − x_j p_i. They stand in the order
    of SO(3), (L_x, L_y, L_z) = (L_23, L_31, L_12): the last planes i < j come first, and i and j are exchanged where
    i + j is even. exp is the matrix exponential, and `rotation_log` its inverse.

    Args:
        dim: the dimension d of space.

    Example:
        >>> from lieham.groups import make_group
        >>> make_group("SO(4)").charges
        ('L_34', 'L_42', 'L_23', 'L_14', 'L_31', 'L_12')
    """

    def __init__(self, dim: int):
        self.space_dim, self.name = check_least("SO", dim, 2), f"SO({dim})"
        planes = reversed(list(combinations(range(dim), 2)))
        self.planes = [(i, j) if (i + j) % 2 else (j, i) for i, j in planes]
        self.lie_dim, between = len(self.planes), "" if dim < 10 else ","
        self.charges = tuple(f"L_{i + 1}{between}{j + 1}" for i, j in self.planes)

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        k, d = self.lie_dim, self.space_dim
        (i, j), each = torch.tensor(self.planes, device=device).mT, torch.arange(k, device=device)
        A = torch.zeros(k, d, d, dtype=dtype, device=device)
        A[each, j, i], A[each, i, j] = 1.0, -1.0
        return A, torch.zeros(k, d, dtype=dtype, device=device)

    def log(self, g: Tensor) -> Tensor:
        return rotation_log(g[..., :-1, :-1], self.generators(torch.float64, g.device)[0])

    def turns(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw rotations (*shape, d, d): the QR factors of normal matrices, in which R has a positive diagonal."""
        d = self.space_dim
        normal = torch.randn(*shape, d, d, generator=generator, dtype=torch.float64, device=generator.device)
        q, r = torch.linalg.qr(normal)
        q = q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
        return torch.cat([q[..., :1] * torch.linalg.det(q).sign()[..., None, None], q[..., 1:]], -1)


def _quaternion(R: Tensor) -> Tensor:
    """Return the unit quaternion (w, x, y, z), w ≥ 0, of a rotation matrix.

    The 4 × 4 matrix 4 q qᵀ is linear in R; its row with the largest diagonal entry (≥ 1) divided by the root of
    that entry is 2q, and no root is taken near 0.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in R.unbind(-2))
    rows = [
        torch.stack([1 + a + e + i, h - f, c - g, d - b], -1),
        torch.stack([h - f, 1 + a - e - i, b + d, c + g], -1),
        torch.stack([c - g, b + d, 1 - a + e - i, f + h], -1),
        torch.stack([d - b, c + g, f + h, 1 - a - e + i], -1),
    ]
    outer = torch.stack(rows, -2)
    diagonal = outer.diagonal(dim1=-2, dim2=-1)
    k = diagonal.argmax(-1, keepdim=True)
    row = torch.take_along_dim(outer, k[..., None], -2).squeeze(-2)
    q = row / (2 * torch.take_along_dim(diagonal, k, -1).sqrt())
    return torch.where(q[..., :1] < 0, -q, q)


def rotation_group(dim: int) -> Rotations:
    """Return SO(dim); raise InputError if `dim` is below 2."""
    return {2: SO2, 3: SO3}[dim]() if dim in (2, 3) else SpecialOrthogonal(dim)
