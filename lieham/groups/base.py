"""The contract of a Lie group that moves points: g·x = A x + b, given by exp, log and its generators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import torch

from lieham.errors import InputError, expected
from lieham.typing import Float, Tensor

AXES = "xyz"


class Group(ABC):
    """A Lie group of affine motions of R^d.

    Elements are homogeneous matrices [[A, b], [0, 1]] of shape (*, d+1, d+1), algebra vectors have shape
    (*, lie_dim), with exp(a) = matrix_exp(Σ_k a_k [[A_k, b_k], [0, 0]]) for the generators (A_k, b_k). All methods
    follow the dtype and device of their arguments and broadcast over leading axes.

    A subclass gives `generators` and `log`; exp falls back on `torch.linalg.matrix_exp`.
    """

    name: str
    space_dim: int
    lie_dim: int
    charges: tuple[str, ...]
    """Names of the Noether charges, one for each generator."""
    acts_freely: bool = False
    """No motion but the identity fixes a generic point: one element lifts each point (PointLift)."""
    symmetric_pairs: bool = False
    """The pair coordinates do not tell x from y."""
    singular_at_origin: bool = False
    """No invariant is continuous where both points are at the origin (scalings)."""

    positive: bool = False
    """It is meant for points with positive coordinates, where it acts freely (squeezes)."""

    @abstractmethod
    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """(A, b) of shapes (lie_dim, d, d) and (lie_dim, d): the infinitesimal motions x ↦ A_k x + b_k."""

    @abstractmethod
    def log(self, g: Float[Tensor, "*batch d1 d1"]) -> Float[Tensor, "*batch k"]:
        """The algebra vector of least angle with exp(log g) = g."""

    @abstractmethod
    def pair_coordinates(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """Smooth coordinates (*batch, k) of pairs of points that no motion of the group changes.

        They embed g_y⁻¹ g_x and the orbits of both points (the double coset H\\G/H where points have a
        stabiliser H: squared lengths, then), by polynomials of the positions: no angle, hence no cut and no
        singular centre.
        """

    @property
    def isometries(self) -> Tensor:
        """For each generator, whether it keeps lengths, A + Aᵀ = 0, and with them K = Σ|p|²/2m: (k,) bool."""
        A, _ = self.generators()
        return (A + A.mT).abs().sum((1, 2)) == 0

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Float[Tensor, "*shape d d"]:
        """Haar-distributed elements of H in G = N ⋊ H, where N acts freely and H fixes the origin, float64.

        H is trivial for a group that acts freely. InputError where it is not compact or not known.
        """
        if not self.acts_freely:
            raise InputError(f"group must have a stabiliser that can be sampled, got {self}")
        return torch.eye(self.space_dim, dtype=torch.float64, device=generator.device).expand(*shape, -1, -1)

    def free_coordinates(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """The pair coordinates of N, the part that acts freely (see `stabiliser_sample`)."""
        return self.pair_coordinates(x, y)

    def pair_lengths(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """Squared lengths (*batch, k) that no motion of the group changes, for radial functions.

        |x − y|² where all motions are isometries, |x|² and |y|² too where they fix the origin; k may be 0.
        """
        x, y = torch.broadcast_tensors(x, y)
        distances, radii = self._keeps
        found = [(x - y).square()] * distances + [x.square(), y.square()] * radii
        return torch.stack([v.sum(-1) for v in found], -1) if found else x[..., :0]

    def distances(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> tuple[Tensor, Tensor]:
        """How far x is from y along the group, the least |log g| with g·y in the orbit's place of x, and across orbits.

        The two parts of the paper's distance (Finzi et al. 2020, section 4.4), (*batch,) each; neither is changed by a
        motion of both points. By default |x − y| and 0, for isometries; InputError for other groups, which need
        their own.
        """
        if not bool(self.isometries.all()):
            raise InputError(f"group must have a distance, as T, SO, SE, R* and their products do, got {self}")
        apart = (x - y).square().sum(-1).sqrt()
        return apart, torch.zeros_like(apart)

    @cached_property
    def _keeps(self) -> tuple[bool, bool]:
        """Whether no motion changes distances, and whether none changes radii."""
        distances = bool(self.isometries.all())
        return distances, distances and not bool(self.generators()[1].any())

    @property
    def beside_lengths(self) -> tuple[int, ...]:
        """Which pair coordinates `pair_lengths` do not tell already."""
        origin = torch.zeros(self.space_dim)
        return tuple(range(self.pair_coordinates(origin, origin).shape[-1]))

    def hat(self, a: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d1 d1"]:
        """Σ_k a_k [[A_k, b_k], [0, 0]], the matrix of an algebra vector."""
        A, b = self.generators(a.dtype, a.device)
        upper = torch.cat([torch.einsum("...k,kij->...ij", a, A), torch.einsum("...k,ki->...i", a, b)[..., None]], -1)
        return torch.nn.functional.pad(upper, (0, 0, 0, 1))

    def exp(self, a: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d1 d1"]:
        """The group element of an algebra vector."""
        return torch.linalg.matrix_exp(self.hat(a))

    def act(self, g: Float[Tensor, "*batch d1 d1"], x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """A x + b."""
        d = self.space_dim
        return torch.einsum("...ij,...j->...i", g[..., :d, :d], x) + g[..., :d, d]

    def identity(self, *shape: int, dtype: torch.dtype = torch.float64, device: torch.device | None = None) -> Tensor:
        """The neutral element, (*shape, d+1, d+1)."""
        one = torch.eye(self.space_dim + 1, dtype=dtype, device=device)
        return one.expand(*shape, -1, -1).clone()

    def inverse(self, g: Float[Tensor, "*batch d1 d1"]) -> Float[Tensor, "*batch d1 d1"]:
        """g⁻¹."""
        return torch.linalg.inv(g)

    def sample(self, *shape: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        """Random elements exp(a), a ~ N(0, 1), (*shape, d+1, d+1), on the generator's device."""
        a = torch.randn(*shape, self.lie_dim, generator=generator, dtype=dtype, device=generator.device)
        return self.exp(a)

    def __repr__(self) -> str:
        return self.name


def affine(A: Tensor, b: Tensor) -> Tensor:
    """[[A, b], [0, 1]] of a matrix (*, d, d) and a vector (*, d)."""
    d = b.shape[-1]
    upper = torch.cat([A, b[..., None]], -1)
    bottom = torch.zeros(d + 1, dtype=b.dtype, device=b.device)
    bottom[d] = 1.0
    return torch.cat([upper, bottom.expand(*upper.shape[:-2], 1, d + 1)], -2)


def inverse_isometry(g: Tensor) -> Tensor:
    """[[Rᵀ, −Rᵀ b], [0, 1]] of [[R, b], [0, 1]] with R orthogonal."""
    d = g.shape[-1] - 1
    Rt = g[..., :d, :d].mT
    return affine(Rt, -torch.einsum("...ij,...j->...i", Rt, g[..., :d, d]))


def check_dim(name: str, dim: int, allowed: tuple[int, ...]) -> int:
    """Return `dim` if the group exists there; raise InputError otherwise."""
    if dim not in allowed:
        raise expected(f"dimension of {name}", f"one of {allowed}", dim)
    return dim
