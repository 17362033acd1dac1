"""Direct products join groups on orthogonal subspaces: SO(2)xT(1) turns about z and moves along z."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import torch

from lieham.errors import InputError
from lieham.groups.base import AXES, Group, affine
from lieham.typing import Tensor


class DirectProduct(Group):
    """A product G₁ × G₂ × ... acts on R^d₁ ⊕ R^d₂ ⊕ ..., each factor on its own coordinates; a = (a₁, a₂, ...).

    A product declares symmetries that an external field along z leaves: SE(2)xTrivial(1) for uniform gravity (P_x,
    P_y, L_z), SO(2)xT(1) for a magnetic field (L_z, P_z), Trivial(2)xT(1) for translations along z alone.

    An invariant of a pair is a function of the invariants of the factors, so the pair coordinates are those of the
    factors, one after the other. Charges have the names that they have in the whole space.

    Args:
        factors: two groups or more.

    Raises:
        InputError: if there are fewer than two factors.
    """

    def __init__(self, *factors: Group):
        if len(factors) < 2:
            raise InputError(f"factors must be at least two groups, got {len(factors)}")
        self.factors = factors
        self.space_dim = sum(x.space_dim for x in factors)
        self.lie_dim = sum(x.lie_dim for x in factors)
        self.name = "x".join(x.name for x in factors)
        starts = list(accumulate((x.space_dim for x in factors[:-1]), initial=0))
        self.charges = tuple(self._rename(c, x, s) for x, s in zip(factors, starts, strict=True) for c in x.charges)
        self.acts_freely = all(x.acts_freely for x in factors)
        self.symmetric_pairs = all(x.symmetric_pairs for x in factors)
        self.singular_at_origin = any(x.singular_at_origin for x in factors)
        self.reflections = tuple(k + s for x, s in zip(factors, starts, strict=True) for k in x.reflections)

    def _rename(self, charge: str, factor: Group, start: int) -> str:
        head, *axis = charge.split("_")
        if axis and factor.space_dim + start <= len(AXES):
            return f"{head}_{AXES[AXES.index(axis[0]) + start]}"
        if charge == "L" and self.space_dim == 3:
            return "L_z" if start == 0 else "L_x"
        return f"{charge}{start}" if start else charge

    def generators(
        self, dtype: torch.dtype = torch.float64, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        parts = [x.generators(dtype, device) for x in self.factors]
        A = torch.zeros(self.lie_dim, self.space_dim, self.space_dim, dtype=dtype, device=device)
        k = i = 0
        for block, _ in parts:
            rows, d = len(block), block.shape[-1]
            A[k : k + rows, i : i + d, i : i + d] = block
            k, i = k + rows, i + d
        return A, torch.block_diag(*(b for _, b in parts))

    def exp(self, a: Tensor) -> Tensor:
        pieces = a.split([x.lie_dim for x in self.factors], -1)
        return self._join([x.exp(piece) for x, piece in zip(self.factors, pieces, strict=True)])

    def log(self, g: Tensor) -> Tensor:
        return torch.cat([x.log(piece) for x, piece in zip(self.factors, self._split(g), strict=True)], -1)

    def inverse(self, g: Tensor) -> Tensor:
        return self._join([x.inverse(piece) for x, piece in zip(self.factors, self._split(g), strict=True)])

    def _split(self, g: Tensor) -> list[Tensor]:
        pieces, i = [], 0
        for x in self.factors:
            rows = slice(i, i + x.space_dim)
            pieces.append(affine(g[..., rows, rows], g[..., rows, -1]))
            i = rows.stop
        return pieces

    def _join(self, pieces: list[Tensor]) -> Tensor:
        rows, i = [], 0
        for x, g in zip(self.factors, pieces, strict=True):
            d = x.space_dim
            rows.append(torch.nn.functional.pad(g[..., :d, :d], (i, self.space_dim - i - d)))
            i += d
        return affine(torch.cat(rows, -2), torch.cat([g[..., :-1, -1] for g in pieces], -1))

    def pair_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the pair coordinates of the factors, one after the other."""
        return torch.cat([factor.pair_coordinates(u, v) for factor, u, v in self._apart(x, y)], -1)

    def _apart(self, x: Tensor, y: Tensor) -> Iterator[tuple[Group, Tensor, Tensor]]:
        """Return each factor with its coordinates of both points."""
        sizes = [factor.space_dim for factor in self.factors]
        return zip(self.factors, x.split(sizes, -1), y.split(sizes, -1), strict=True)

    def distances(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return √Σd² of the distances d of the factors, along the group and across."""
        parts = [factor.distances(u, v) for factor, u, v in self._apart(x, y)]
        along, across = (torch.stack(found).square().sum(0).sqrt() for found in zip(*parts, strict=True))
        return along, across

    def stabiliser_sample(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Return the elements of the factors' stabilisers, on the diagonal."""
        whole = torch.zeros(*shape, self.space_dim, self.space_dim, dtype=torch.float64, device=generator.device)
        i = 0
        for factor in self.factors:
            rows = slice(i, i + factor.space_dim)
            whole[..., rows, rows] = factor.stabiliser_sample(*shape, generator=generator)
            i = rows.stop
        return whole

    def free_coordinates(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the free coordinates of the factors, one after the other."""
        return torch.cat([factor.free_coordinates(u, v) for factor, u, v in self._apart(x, y)], -1)

    def pair_lengths(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the squared lengths of the factors, one after the other, then those of the whole space."""
        parts = [factor.pair_lengths(u, v) for factor, u, v in self._apart(x, y)]
        return torch.cat([*parts, super().pair_lengths(x, y)], -1)

    @property
    def beside_lengths(self) -> tuple[int, ...]:
        found, start = [], 0
        for factor in self.factors:
            origin = torch.zeros(factor.space_dim)
            found += [start + k for k in factor.beside_lengths]
            start += factor.pair_coordinates(origin, origin).shape[-1]
        return tuple(found)
