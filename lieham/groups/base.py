"""A Lie group that moves points by g·x = A x + b obeys this contract: it gives exp, log and its generators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import torch

from lieham.errors import InputError
from lieham.typing import Bool, Float, Tensor

AXES = "xyz"


class Group(ABC):
    """A group is a Lie group that acts on R^d by affine motions.

    Elements are homogeneous matrices [[A, b], [0, 1]] of shape (*, d+1, d+1), algebra vectors have shape
    (*, lie_dim), with exp(a) = matrix_exp(Σ_k a_k [[A_k, b_k], [0, 0]]) for the generators (A_k, b_k). All methods
    follow the dtype and device of their arguments and broadcast over leading axes.

    A subclass defines `generators`, `log` and `pair_coordinates`; `exp` falls back on `torch.linalg.matrix_exp`.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> group = make_group("SE(2)")
        >>> g = group.exp(torch.tensor([0.0, 0.0, torch.pi / 2]))
        >>> group.act(g, torch.tensor([1.0, 0.0])).round(decimals=6)
        tensor([-0., 1.])
    """

    name: str
    space_dim: int
    lie_dim: int
    charges: tuple[str, ...]
    """The Noether charges have these names, one for each generator."""
    acts_freely: bool = False
    """If True, the identity alone fixes a generic point, so that one element lifts each point (PointLift)."""
    symmetric_pairs: bool = False
    """If True, the pair coordinates of (x, y) are those of (y, x)."""
    singular_at_origin: bool = False
    """If True, no invariant is continuous where both points are at the origin, as for scalings."""
    rigid: bool = False
    """If True, the group consists of all rigid motions of its space, with mirror images or without."""
    reflections: tuple[int, ...] = ()
    """The reversal of each of these axes, x_k ↦ −x_k, is in the group, but not in the part that exp reaches."""
    positive: bool = False
    """If True, the group is meant for points with positive coordinates, where it acts freely, as squeezes do."""

    @abstractmethod
    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the infinitesimal motions x ↦ A_k x + b_k as A, (lie_dim, d, d), and b, (lie_dim, d)."""

    @abstractmethod
    def log(self, g: Float[Tensor, "*batch d1 d1"]) -> Float[Tensor, "*batch k"]:
        """Return the algebra vector of least angle with exp(log g) = g."""

    @abstractmethod
    def pair_coordinates(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """Return coordinates of pairs of points that no motion of the group changes.

        They embed g_y⁻¹ g_x and the orbits of both points; where points have a stabiliser H they embed the double
        coset H\\G/H, by squared lengths. They are polynomials of the positions and no angles, hence have no cut and no
        singular center.

        Args:
            x: targets.
            y: sources.

        Returns:
            The coordinates, (*batch, k).
        """

    @property
    def isometries(self) -> Tensor:
        """Return for each generator whether it keeps lengths, A + Aᵀ = 0, and so K = Σ|p|²/2m; (lie_dim,), bool."""
        A, _ = self.generators()
        return (A + A.mT).abs().sum((1, 2)) == 0

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Float[Tensor, "*shape d d"]:
        """Draw elements of H in G = N ⋊ H, where N acts freely and H fixes the origin, from the Haar measure.

        Args:
            shape: how many are drawn.
            generator: the source of the draws.

        Returns:
            The matrices, float64; identities for a group that acts freely, whose H is trivial.

        Raises:
            InputError: if H is not compact or not known.
        """
        if not self.acts_freely:
            raise InputError(f"group must have a stabiliser that can be sampled, got {self}")
        return torch.eye(self.space_dim, dtype=torch.float64, device=generator.device).expand(*shape, -1, -1)

    def free_coordinates(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """Return the pair coordinates of N, the part that acts freely (see `stabiliser_sample`)."""
        return self.pair_coordinates(x, y)

    def pair_lengths(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Tensor:
        """Return squared lengths that no motion of the group changes, for radial functions.

        These are |x − y|² if all motions are isometries, and |x|² and |y|² too if they fix the origin.

        Args:
            x: targets.
            y: sources.

        Returns:
            The squared lengths, (*batch, k), where k may be 0.
        """
        x, y = torch.broadcast_tensors(x, y)
        distances, radii = self._keeps
        found = [(x - y).square()] * distances + [x.square(), y.square()] * radii
        return torch.stack([v.sum(-1) for v in found], -1) if found else x[..., :0]

    def distances(self, x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> tuple[Tensor, Tensor]:
        """Return how far x is from y along the group, and how far across its orbits.

        The first is the least |log g| of the motions g that take y to the place of x on its orbit. No motion of both
        points changes either part. By default they are |x − y| and 0. Finzi et al. 2020, section 4.4.

        Args:
            x: points.
            y: points.

        Returns:
            Both parts of the distance, (*batch,) each.

        Raises:
            InputError: if the group changes lengths and defines no distance of its own.
        """
        if not bool(self.isometries.all()):
            raise InputError(f"group must have a distance, as T, SO, SE, R* and their products do, got {self}")
        apart = (x - y).square().sum(-1).sqrt()
        return apart, torch.zeros_like(apart)

    @cached_property
    def _keeps(self) -> tuple[bool, bool]:
        """Return whether no motion changes distances, and whether none changes radii."""
        distances = bool(self.isometries.all())
        return distances, distances and not bool(self.generators()[1].any())

    @property
    def beside_lengths(self) -> tuple[int, ...]:
        """The places of the pair coordinates that do not follow from `pair_lengths` are these indices."""
        origin = torch.zeros(self.space_dim)
        return tuple(range(self.pair_coordinates(origin, origin).shape[-1]))

    def hat(self, a: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d1 d1"]:
        """Return Σ_k a_k [[A_k, b_k], [0, 0]], the matrix of an algebra vector."""
        A, b = self.generators(a.dtype, a.device)
        upper = torch.cat([torch.einsum("...k,kij->...ij", a, A), torch.einsum("...k,ki->...i", a, b)[..., None]], -1)
        return torch.nn.functional.pad(upper, (0, 0, 0, 1))

    def exp(self, a: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d1 d1"]:
        """Return the group element of an algebra vector."""
        return torch.linalg.matrix_exp(self.hat(a))

    def act(self, g: Float[Tensor, "*batch d1 d1"], x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return A x + b."""
        d = self.space_dim
        return torch.einsum("...ij,...j->...i", g[..., :d, :d], x) + g[..., :d, d]

    def identity(self, *shape: int, dtype: torch.dtype = torch.float64, device: torch.device | None = None) -> Tensor:
        """Return the neutral element, (*shape, d+1, d+1).

        Args:
            shape: the leading axes.
            dtype: precision of the matrices.
            device: the device of the matrices.
        """
        one = torch.eye(self.space_dim + 1, dtype=dtype, device=device)
        return one.expand(*shape, -1, -1).clone()

    def inverse(self, g: Float[Tensor, "*batch d1 d1"]) -> Float[Tensor, "*batch d1 d1"]:
        """Return g⁻¹."""
        return torch.linalg.inv(g)

    def sample(self, *shape: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        """Draw elements exp(a), a ~ N(0, 1), of shape (*shape, d+1, d+1), on the generator's device.

        If the group has reflections, half of the elements have each of them before their motion.

        Args:
            shape: how many are drawn.
            generator: the source of the draws.
            dtype: precision of the elements.
        """
        a = torch.randn(*shape, self.lie_dim, generator=generator, dtype=dtype, device=generator.device)
        return self.reflected(self.exp(a), generator)

    def reflected(self, g: Float[Tensor, "*batch r c"], generator: torch.Generator) -> Float[Tensor, "*batch r c"]:
        """Return matrices of motions after each reflection of the group, or not, with even chances.

        Args:
            g: elements, or their linear parts.
            generator: the source of the draws.
        """
        if not self.reflections:
            return g
        shape = *g.shape[:-2], len(self.reflections)
        return g * self.signs(torch.rand(*shape, generator=generator, device=g.device) < 0.5, g)

    def signs(self, taken: Bool[Tensor, "*batch k"], like: Tensor) -> Float[Tensor, "*batch 1 c"]:
        """Return the factors by which reflections multiply the columns of a matrix.

        Args:
            taken: True for each of the group's reflections that is taken.
            like: the matrices, which say how many columns there are, the precision and the device.
        """
        sign = torch.ones(*taken.shape[:-1], like.shape[-1], dtype=like.dtype, device=like.device)
        sign[..., list(self.reflections)] -= 2 * taken.to(like)
        return sign.unsqueeze(-2)

    def __repr__(self) -> str:
        return self.name


def affine(A: Tensor, b: Tensor) -> Tensor:
    """Return [[A, b], [0, 1]] of a matrix (*, d, d) and a vector (*, d)."""
    d = b.shape[-1]
    upper = torch.cat([A, b[..., None]], -1)
    bottom = torch.zeros(d + 1, dtype=b.dtype, device=b.device)
    bottom[d] = 1.0
    return torch.cat([upper, bottom.expand(*upper.shape[:-2], 1, d + 1)], -2)


def inverse_isometry(g: Tensor) -> Tensor:
    """Return [[Rᵀ, −Rᵀ b], [0, 1]] of [[R, b], [0, 1]] with R orthogonal."""
    d = g.shape[-1] - 1
    Rt = g[..., :d, :d].mT
    return affine(Rt, -torch.einsum("...ij,...j->...i", Rt, g[..., :d, d]))
