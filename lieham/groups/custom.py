"""A group of one's own, from its generators."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from lieham.errors import InputError, expected
from lieham.groups.base import Group
from lieham.typing import Float, Tensor

PairCoordinates = Callable[[Tensor, Tensor], Tensor]


class CustomGroup(Group):
    """The group of the infinitesimal motions x ↦ A_k x + b_k, for groups that are not shipped.

    Args:
        name: how reports call it.
        A, b: generators, (lie_dim, d, d) and (lie_dim, d).
        exp: algebra vectors (*, lie_dim) → (*, d+1, d+1); the matrix exponential of the generators if left out.
        log: the inverse of exp; without it `log` raises InputError. Neither is needed to train and to forecast.
        pair_coordinates: invariants of two points. If left out, they are all polynomials of degree ≤ 2 in (x, y)
            that every generator leaves unchanged, found as a null space. By the first fundamental theorem of
            invariants these suffice for rotations about points and axes, translations and their products.
        charges: names of the Noether charges; J_0, J_1, ... if left out.

    Raises InputError on shapes that do not fit, and where the polynomials do not tell all orbits of pairs apart.
    """

    acts_freely = True

    def __init__(
        self,
        name: str,
        A: Float[Tensor, "k d d"],
        b: Float[Tensor, "k d"],
        *,
        exp: Callable[[Tensor], Tensor] | None = None,
        log: Callable[[Tensor], Tensor] | None = None,
        pair_coordinates: PairCoordinates | None = None,
        charges: Sequence[str] | None = None,
    ):
        if A.ndim != 3 or A.shape[1] != A.shape[2]:
            raise expected("A", "of shape (lie_dim, d, d)", tuple(A.shape))
        if b.shape != A.shape[:2]:
            raise expected("b", f"of shape {tuple(A.shape[:2])} like A", tuple(b.shape))
        self.name, (self.lie_dim, self.space_dim) = name, b.shape
        self.A, self.b = A.double(), b.double()
        self.charges = tuple(charges or (f"J_{k}" for k in range(self.lie_dim)))
        if len(self.charges) != self.lie_dim:
            raise expected("charges", f"{self.lie_dim} names, one a generator", len(self.charges))
        self._exp, self._log = exp, log
        self._invariants = pair_coordinates or self._polynomials()

    def generators(self, dtype: torch.dtype = torch.float64, device: torch.device | None = None):
        return self.A.to(device=device, dtype=dtype), self.b.to(device=device, dtype=dtype)

    def exp(self, a: Tensor) -> Tensor:
        return super().exp(a) if self._exp is None else self._exp(a)

    def log(self, g: Tensor) -> Tensor:
        if self._log is None:
            raise InputError(f"log of {self.name} must be given to CustomGroup, got none")
        return self._log(g)

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """The invariants given, or the polynomials found."""
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
    """Symmetric S, all but the constant, with ẑᵀ S ẑ unchanged by every generator, ẑ = (x, y, 1).

    Where the pair moves by ẑ' = G ẑ, that is GᵀS + SG = 0: linear in S, solved by its null space, which is brought
    to reduced echelon form, so that whole coefficients come out whole.
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
    """The reduced row echelon form of independent rows; entries within 1e-12 of a whole number are that number."""
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
