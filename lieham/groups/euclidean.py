"""The rigid motions SE(d) hold the rotations that they are built on."""

from __future__ import annotations

import torch

from lieham._support.numerics import cosc, half_cot, sinc, sincc
from lieham.groups.base import Group, affine, inverse_isometry
from lieham.groups.dimensions import check_least
from lieham.groups.rotation import SO2, SO3, Rotations, SpecialOrthogonal, cross_matrix
from lieham.groups.translation import Translation
from lieham.typing import Tensor


class _Euclidean(Group):
    """The groups SE(d) share this part: a = (u, w), translation part first; exp(a) = [[R(w), V(w) u], [0, 1]]."""

    symmetric_pairs: bool = True
    rigid: bool = True
    beside_lengths = ()

    rotations: Rotations

    def __init__(self, rotations: Rotations):
        d = rotations.space_dim
        self.rotations, self.translations = rotations, Translation(d)
        self.space_dim, self.lie_dim, self.name = d, d + rotations.lie_dim, f"SE({d})"
        self.charges = self.translations.charges + rotations.charges

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        parts = [part.generators(dtype, device) for part in (self.translations, self.rotations)]
        return torch.cat([A for A, _ in parts]), torch.cat([b for _, b in parts])

    def inverse(self, g: Tensor) -> Tensor:
        return inverse_isometry(g)

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw rotations, since SE(d) = T(d) ⋊ SO(d)."""
        return self.rotations.turns(*shape, generator=generator)

    def free_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x − y, the pair coordinates of T(d)."""
        return self.translations.pair_coordinates(x, y)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return |x − y|², the only invariant of two points, from the difference, since the Gram form would cancel."""
        return (x - y).square().sum(-1, keepdim=True)


class SE2(_Euclidean):
    """SE(2) is the group of rigid motions of the plane: a = (u_x, u_y, θ), with the charges P_x, P_y and L.

    The charge L is taken about the origin. V(θ) = (sin θ/θ) 1 + ((1 − cos θ)/θ) [[0, −1], [1, 0]].
    """

    rotations: SO2

    def __init__(self) -> None:
        super().__init__(SO2())

    def exp(self, a: Tensor) -> Tensor:
        u, angle = a[..., :2], a[..., 2]
        x = angle.square()
        s, c = sinc(x), angle * cosc(x)
        b = torch.stack([s * u[..., 0] - c * u[..., 1], c * u[..., 0] + s * u[..., 1]], -1)
        return affine(self.rotations.matrix(angle), b)

    def log(self, g: Tensor) -> Tensor:
        """Return (V⁻¹ b, θ), with V⁻¹(θ) = (θ/2) cot(θ/2) 1 − (θ/2) [[0, −1], [1, 0]]."""
        angle = self.rotations.log(g)[..., 0]
        x, y = g[..., 0, 2], g[..., 1, 2]
        c, s = 1 - angle.square() * half_cot(angle.square()), angle / 2
        return torch.stack([c * x + s * y, c * y - s * x, angle], -1)


class SE3(_Euclidean):
    """SE(3) is the group of rigid motions of space: a = (u, w), with the charges P and L about the origin.

    V(w) = 1 + ((1 − cos θ)/θ²) W + ((θ − sin θ)/θ³) W², V⁻¹(w) = 1 − W/2 + ((1 − (θ/2) cot(θ/2))/θ²) W².
    """

    rotations: SO3

    def __init__(self) -> None:
        super().__init__(SO3())

    def exp(self, a: Tensor) -> Tensor:
        u, w = a[..., :3], a[..., 3:]
        W, x = cross_matrix(w), w.square().sum(-1, keepdim=True)
        Wu = (W @ u[..., None])[..., 0]
        b = u + cosc(x) * Wu + sincc(x) * (W @ Wu[..., None])[..., 0]
        return affine(self.rotations.matrix(w), b)

    def log(self, g: Tensor) -> Tensor:
        w, b = self.rotations.log(g), g[..., :3, 3]
        W, x = cross_matrix(w), w.square().sum(-1, keepdim=True)
        Wb = (W @ b[..., None])[..., 0]
        u = b - Wb / 2 + half_cot(x) * (W @ Wb[..., None])[..., 0]
        return torch.cat([u, w], -1)


class SpecialEuclidean(_Euclidean):
    """SE(d) is the group of rigid motions in any dimension d ≥ 2; in two and three it is SE2 and SE3, with less effort.

    V(w) is a block of exp [[W, 1], [0, 0]]. Charges have numbers in place of axes, P_1 and L_12.

    Args:
        dim: the dimension d of space.
    """

    def __init__(self, dim: int):
        super().__init__(SpecialOrthogonal(check_least("SE", dim, 2)))

    def log(self, g: Tensor) -> Tensor:
        d, w = self.space_dim, self.rotations.log(g)
        W = self.rotations.hat(w)[..., :d, :d]
        one = torch.eye(d, dtype=g.dtype, device=g.device).expand_as(W)
        V = torch.linalg.matrix_exp(torch.nn.functional.pad(torch.cat([W, one], -1), (0, 0, 0, d)))[..., :d, d:]
        return torch.cat([torch.linalg.solve(V, g[..., :d, d]), w], -1)


def rigid_motions(dim: int) -> Group:
    """Return SE(dim); raise InputError if `dim` is below 2."""
    return {2: SE2, 3: SE3}[dim]() if dim in (2, 3) else SpecialEuclidean(dim)
