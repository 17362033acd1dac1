"""The groups O(d) and E(d) hold mirror images beside the motions that exp reaches."""

from __future__ import annotations

import torch

from lieham.errors import InputError
from lieham.groups.base import Group, inverse_isometry
from lieham.groups.dimensions import check_least
from lieham.groups.euclidean import rigid_motions
from lieham.groups.rotation import rotation_group
from lieham.groups.translation import Translation, Trivial
from lieham.typing import Tensor


class Mirrored(Group):
    """A group of isometries with their mirror images: O(d) turns and mirrors about the origin, E(d) moves too.

    The algebra, exp, and the charges are those of the motions, SO(d) or SE(d). A mirror image is a motion after the
    reversal of the first axis; it has no logarithm and conserves nothing, but a function that it leaves unchanged does
    not tell left from right. So squared lengths are the only invariants of a pair.

    Args:
        family: "O" or "E".
        motions: the motions without mirror images.

    Example:
        >>> from lieham.groups import make_group
        >>> make_group("E(3)").charges
        ('P_x', 'P_y', 'P_z', 'L_x', 'L_y', 'L_z')
    """

    beside_lengths = ()
    reflections: tuple[int, ...] = (0,)

    def __init__(self, family: str, motions: Group):
        self.motions, self.name = motions, f"{family}({motions.space_dim})"
        self.space_dim, self.lie_dim, self.charges = motions.space_dim, motions.lie_dim, motions.charges
        self.rigid = self.symmetric_pairs = family == "E"

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.motions.generators(dtype, device)

    def exp(self, a: Tensor) -> Tensor:
        return self.motions.exp(a)

    def log(self, g: Tensor) -> Tensor:
        """Return the algebra vector of a motion; raise InputError for a mirror image, which has none."""
        if bool((torch.linalg.det(g[..., :-1, :-1].detach()) < 0).any()):
            raise InputError(f"g must hold no mirror image for log of {self}, got one with determinant −1")
        return self.motions.log(g)

    def inverse(self, g: Tensor) -> Tensor:
        return inverse_isometry(g)

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw from the stabiliser of the motions, half of the draws with a reflection."""
        return self.reflected(self.motions.stabiliser_sample(*shape, generator=generator), generator)

    def free_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        return self.motions.free_coordinates(x, y)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return |x − y|², and for O(d) |x|² and |y|²."""
        return self.pair_lengths(x, y)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distances of the motions, which tell no mirror image apart."""
        return self.motions.distances(x, y)


def orthogonal_group(dim: int) -> Group:
    """Return O(dim); raise InputError if `dim` is below 1. O(1) holds 1 and −1 alone, and has no charge."""
    return Mirrored("O", Trivial(dim) if check_least("O", dim, 1) == 1 else rotation_group(dim))


def euclidean_group(dim: int) -> Group:
    """Return E(dim); raise InputError if `dim` is below 1."""
    return Mirrored("E", Translation(dim) if check_least("E", dim, 1) == 1 else rigid_motions(dim))
