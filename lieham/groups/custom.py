"""A CustomGroup is a group that the user declares by its generators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch

from lieham.errors import InputError, expected
from lieham.groups.base import Group
from lieham.groups.checks import check_algebra, check_maps, real_numbers
from lieham.typing import Float, Tensor

Numbers: TypeAlias = Tensor | np.ndarray | Sequence
"""Numbers may be given as a tensor, as an array, or as nested lists of numbers, arrays and tensors."""
Map = Callable[[Tensor], Tensor]
PairCoordinates = Callable[[Tensor, Tensor], Tensor]


class CustomGroup(Group):
    """A CustomGroup is not shipped; its infinitesimal motions x ↦ A_k x + b_k alone declare it.

    Args:
        name: the name that reports print.
        A: the linear parts of the generators, (lie_dim, d, d), as a tensor, an array or nested lists.
        b: the translation parts of the generators, (lie_dim, d), alike.
        maps: the functions `exp` and `log`, where they are known in closed form: algebra vectors (*, lie_dim) to
            elements (*, d+1, d+1), and back. By default `exp` is the matrix exponential of the generators and `log`
            raises InputError. Neither is needed to train and to forecast.
        pair_coordinates: a function of two points to their invariants. By default the invariants are all
            polynomials of degree at most 2 in (x, y) that every generator leaves unchanged, which are found as a
            null space. By the first fundamental theorem of invariants these suffice for rotations about points and
            axes, for translations and for their products.
        charges: the names of the Noether charges, one for each generator; by default J_0, J_1, ...

    Raises:
        InputError: if the shapes do not fit; if a generator is a combination of the others, or the bracket of two is
            none; if `exp` is not the exponential of the generators, or `log` not its inverse near the identity; or if
            the polynomials do not tell all orbits of pairs apart.

    Example:
        >>> import torch
        >>> from lieham.groups import CustomGroup
        >>> about_one = CustomGroup("turns about (1, 0)", [[[0, -1], [1, 0]]], [[0, -1]], charges=["J"])
        >>> g = about_one.exp(torch.tensor([torch.pi / 2]))
        >>> about_one.act(g, torch.tensor([2.0, 0.0])).round(decimals=6)
        tensor([1., 1.])
    """

    acts_freely = True

    def __init__(
        self,
        name: str,
        A: Numbers,
        b: Numbers,
        *,
        maps: tuple[Map, Map] | None = None,
        pair_coordinates: PairCoordinates | None = None,
        charges: Sequence[str] | None = None,
    ):
        if not isinstance(name, str):
            raise expected("name", "text", repr(name))
        A, b = real_numbers("A", A, "(lie_dim, d, d)"), real_numbers("b", b, "(lie_dim, d)")
        if A.ndim != 3 or A.shape[1] != A.shape[2]:
            raise expected("A", "of shape (lie_dim, d, d)", tuple(A.shape))
        if b.shape != A.shape[:2]:
            raise expected("b", f"of shape {tuple(A.shape[:2])} like A", tuple(b.shape))
        self.name, (self.lie_dim, self.space_dim) = name, b.shape
        self.A, self.b = A, b
        self.charges = tuple(charges or (f"J_{k}" for k in range(self.lie_dim)))
        if len(self.charges) != self.lie_dim:
            raise expected("charges", f"{self.lie_dim} names, one a generator", len(self.charges))
        check_algebra(A, b, self.charges)
        if maps is not None:
            check_maps(name, A, b, maps)
        self._maps = maps
        self._invariants = pair_coordinates or self._polynomials()

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.A.to(device=device, dtype=dtype), self.b.to(device=device, dtype=dtype)

    def exp(self, a: Tensor) -> Tensor:
        return super().exp(a) if self._maps is None else self._maps[0](a)

    def log(self, g: Tensor) -> Tensor:
        if self._maps is None:
            raise InputError(f"log of {self.name} must be given to CustomGroup, got none")
        return self._maps[1](g)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the invariants that were given, or the polynomials that were found."""
        return self._invariants(*torch.broadcast_tensors(x, y))

    def _polynomials(self) -> PairCoordinates:
        forms = quadratic_invariants(self.A, self.b)

        def invariants(x: Tensor, y: Tensor) -> Tensor:
            z = torch.cat([x, y, torch.ones_like(x[..., :1])], -1)
            return torch.einsum("...i,kij,...j->...k", z, forms.to(z), z)

        d = self.space_dim
        z = torch.randn(2 * d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        jacobian = torch.func.jacrev(lambda z: invariants(z[:d], z[d:]))(z)
        orbit = torch.cat([self.A @ x + self.b for x in z.split(d)], -1)
        found, wanted = (int(torch.linalg.matrix_rank(m, rtol=1e-8)) for m in (jacobian, orbit))
        if found < 2 * d - wanted:
            raise InputError(
                f"pair_coordinates of {self.name} must be given: its quadratic invariants tell {found} of the "
                f"{2 * d - wanted} degrees of freedom of a pair apart"
            )
        return invariants


def quadratic_invariants(A: Float[Tensor, "k d d"], b: Float[Tensor, "k d"]) -> Float[Tensor, "f m m"]:
    """Return the quadratic polynomials of a pair of points that no generator changes.

    A polynomial is ẑᵀ S ẑ with ẑ = (x, y, 1) and S symmetric. Where the pair moves by ẑ' = G ẑ it is unchanged if
    GᵀS + SG = 0. This is linear in S, and the null space is brought to reduced echelon form, so that coefficients
    that are integers come out as integers.

    Args:
        A: the linear parts of the generators.
        b: the translation parts of the generators.

    Returns:
        A basis of the matrices S without the constant polynomial, (f, 2d+1, 2d+1), float64.
    """
    k, d = b.shape
    m = 2 * d + 1
    G = torch.zeros(k, m, m, dtype=torch.float64)
    G[:, :d, :d], G[:, d : 2 * d, d : 2 * d] = A, A
    G[:, :d, -1], G[:, d : 2 * d, -1] = b, b
    i, j = torch.triu_indices(m, m)
    basis = torch.zeros(len(i) - 1, m, m, dtype=torch.float64)  # the last pair is the constant
    rows = torch.arange(len(i) - 1)
    basis[rows, i[:-1], j[:-1]] += 0.5
    basis[rows, j[:-1], i[:-1]] += 0.5
    change = (G.mT[:, None] @ basis + basis @ G[:, None]).permute(0, 2, 3, 1).reshape(-1, len(basis))
    _, sizes, vectors = torch.linalg.svd(change, full_matrices=True)
    rank = int((sizes > 1e-10 * sizes.max().clamp(min=1e-300)).sum()) if sizes.numel() else 0
    return torch.einsum("fr,rij->fij", echelon(vectors[rank:]), basis)


def echelon(rows: Float[Tensor, "f r"]) -> Float[Tensor, "f r"]:
    """Return the reduced row echelon form of independent rows; entries within 1e-12 of an integer are rounded to it."""
    rows, done = rows.clone(), 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        pivot = done + int(rows[done:, column].abs().argmax())
        if rows[pivot, column].abs() > 1e-9:
            rows[[done, pivot]] = rows[[pivot, done]]
            rows[done] = rows[done] / rows[done, column]
            others = torch.arange(len(rows)) != done
            rows[others] -= rows[others, column, None] * rows[done]
            done += 1
    return torch.where((rows - rows.round()).abs() < 1e-12, rows.round(), rows)
