"""These groups change lengths: scalings, rotations with scalings, and squeezes.

K = Σ|p|²/2m keeps none of their charges; they are symmetries of potentials and of images.
"""

from __future__ import annotations

import torch

from lieham.groups.base import Group, affine
from lieham.groups.dimensions import check_dim
from lieham.groups.rotation import SO2
from lieham.typing import Float, Tensor


def direction(z: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
    """Return z / |z|, and 0 at 0 with finite derivatives; no invariant of a scaling is continuous in that point."""
    size = z.square().sum(-1, keepdim=True)
    return z * torch.where(size > 0, size, torch.ones_like(size)).rsqrt()


def log_ratio(x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Float[Tensor, "*batch"]:
    """Return |log |x|/|y||; the origin, which no scaling moves, counts as a point 10⁻⁶ away from it."""
    r, s = (z.square().sum(-1).clamp(min=1e-12) for z in (x, y))
    return (r / s).log().abs() / 2


class _Linear(Group):
    """These groups share this part: they are linear maps that act freely, and they are singular at the origin."""

    acts_freely: bool = True
    singular_at_origin: bool = True
    matrices: Tensor
    """The generators are these matrices, (lie_dim, d, d)."""

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        A = self.matrices.to(device=device, dtype=dtype)
        return A, torch.zeros(len(A), self.space_dim, dtype=dtype, device=device)


class Scaling(_Linear):
    """The scalings R* act on R^d by x ↦ eˢ x; their momentum map is the virial D = Σ q·p."""

    lie_dim = 1
    charges = ("D",)

    def __init__(self, dim: int):
        self.space_dim, self.name = check_dim("R*", dim, (1, 2, 3)), f"R*({dim})"
        self.matrices = torch.eye(dim, dtype=torch.float64)[None]

    def exp(self, a: Tensor) -> Tensor:
        A = a.exp()[..., None] * torch.eye(self.space_dim, dtype=a.dtype, device=a.device)
        return affine(A, A.new_zeros(A.shape[:-1]))

    def log(self, g: Tensor) -> Tensor:
        return g[..., 0, :1].log()

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the direction of (x, y) in R^2d."""
        return direction(torch.cat(torch.broadcast_tensors(x, y), -1))

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return |log |x|/|y||, and the distance of the directions x/|x| and y/|y|."""
        across = (direction(x) - direction(y)).square().sum(-1).sqrt()
        return log_ratio(x, y), across


class RotationScaling(_Linear):
    """The group R* × SO(2) acts on the plane by a = (s, θ), x ↦ eˢ R(θ) x, with the charges D = Σ q·p and L."""

    space_dim, lie_dim = 2, 2
    name = "R*SO(2)"
    charges = ("D", "L")

    def __init__(self) -> None:
        self.rotation = SO2()
        self.matrices = torch.cat([torch.eye(2, dtype=torch.float64)[None], self.rotation.generators()[0]])

    def exp(self, a: Tensor) -> Tensor:
        A = a[..., 0].exp()[..., None, None] * self.rotation.matrix(a[..., 1])
        return affine(A, A.new_zeros(A.shape[:-1]))

    def log(self, g: Tensor) -> Tensor:
        scale = torch.linalg.det(g[..., :2, :2]).log() / 2
        return torch.cat([scale[..., None], self.rotation.log(g)], -1)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (x·y, x×y, |x|², |y|²) over their norm."""
        return direction(self.rotation.pair_coordinates(x, y))

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return √((log |x|/|y|)² + θ²), θ the angle between the two, and 0: all but the origin is one orbit."""
        along = torch.hypot(log_ratio(x, y), self.rotation.distances(x, y)[0])
        return along, torch.zeros_like(along)


class Squeeze(_Linear):
    """The squeezes x ↦ (eᵃ x₁, e⁻ᵃ x₂) act freely on the positive quadrant; their charge is q₁p₁ − q₂p₂."""

    singular_at_origin: bool = False
    positive: bool = True
    space_dim, lie_dim = 2, 1
    name = "Sq(2)"
    charges = ("S",)

    def __init__(self) -> None:
        self.matrices = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))[None]

    def exp(self, a: Tensor) -> Tensor:
        diagonal = torch.cat([a.exp(), (-a).exp()], -1)
        return affine(torch.diag_embed(diagonal), torch.zeros_like(diagonal))

    def log(self, g: Tensor) -> Tensor:
        return ((g[..., 0, 0] / g[..., 1, 1]).log() / 2)[..., None]

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (x₁x₂, y₁y₂, x₁y₂, x₂y₁)."""
        x, y = torch.broadcast_tensors(x, y)
        products = x[..., 0] * x[..., 1], y[..., 0] * y[..., 1], x[..., 0] * y[..., 1], x[..., 1] * y[..., 0]
        return torch.stack(products, -1)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return |r| and |s|, where x = (eˢ⁺ʳ y₁, eˢ⁻ʳ y₂)."""
        ratio = (x / y).log()
        return (ratio[..., 0] - ratio[..., 1]).abs() / 2, ratio.sum(-1).abs() / 2


class SqueezeScaling(_Linear):
    """Squeezes with scalings, a = (s, r), x ↦ (eˢ⁺ʳ x₁, eˢ⁻ʳ x₂), are all positive diagonal maps of the plane."""

    positive: bool = True
    space_dim, lie_dim = 2, 2
    name = "R*Sq(2)"
    charges = ("D", "S")

    def __init__(self) -> None:
        self.squeeze = Squeeze()
        self.matrices = torch.cat([torch.eye(2, dtype=torch.float64)[None], self.squeeze.matrices])

    def exp(self, a: Tensor) -> Tensor:
        diagonal = torch.stack([(a[..., 0] + a[..., 1]).exp(), (a[..., 0] - a[..., 1]).exp()], -1)
        return affine(torch.diag_embed(diagonal), torch.zeros_like(diagonal))

    def log(self, g: Tensor) -> Tensor:
        first, second = g[..., 0, 0].log(), g[..., 1, 1].log()
        return torch.stack([first + second, first - second], -1) / 2

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the pair coordinates of the squeezes over their norm."""
        return direction(self.squeeze.pair_coordinates(x, y))

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return √(s² + r²), where x = (eˢ⁺ʳ y₁, eˢ⁻ʳ y₂), and 0."""
        along = torch.hypot(*self.squeeze.distances(x, y))
        return along, torch.zeros_like(along)


def rotation_scalings(dim: int) -> Group:
    """Return R* × SO(2); raise InputError unless `dim` is 2."""
    check_dim("R*SO", dim, (2,))
    return RotationScaling()


def squeezes(dim: int) -> Group:
    """Return the squeezes of the plane; raise InputError unless `dim` is 2."""
    check_dim("Sq", dim, (2,))
    return Squeeze()


def squeeze_scalings(dim: int) -> Group:
    """Return the squeezes of the plane with scalings; raise InputError unless `dim` is 2."""
    check_dim("R*Sq", dim, (2,))
    return SqueezeScaling()
