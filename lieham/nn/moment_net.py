"""`MomentNet`: an energy that is linear in its weights, of contracted products of the moments of a `TensorLift`."""

from __future__ import annotations

from math import inf
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from lieham._support.numerics import check_precision
from lieham.lift.tensor import MOST_LEVEL, MOST_TERMS, TensorLift
from lieham.nn.invariants import LATER, Terms, largest_level, occurring, terms
from lieham.nn.kinds import Kinds, kinds_of
from lieham.nn.moment_sum import MomentSum
from lieham.nn.moments import Moments, functions, largest_rank, moments, slopes_of_functions, slopes_of_moments
from lieham.typing import Bool, Float, Int, Tensor

PAIRS = 648
"""Derivatives are computed for about so many pairs of points at a time, which fit into the cache."""


class MomentWeights(nn.Module):
    """The weights θ of the terms, one for each term and each factor of the central body.

    Args:
        count: the number of weights.
    """

    def __init__(self, count: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, count))

    def linear(self) -> tuple[Tensor, ...]:
        """Return θ as a matrix (1, f)."""
        return (self.weight,)

    @torch.no_grad()
    def write(self, theta: Float[Tensor, "f 1"]) -> None:
        """Write θ."""
        self.weight.copy_(theta.mT)


class MomentNet(nn.Module):
    """A network V = Σ_i Σ_fb θ_fb g_f(i) B_b(i), with the terms B_b of the neighborhood of i (`invariants.Terms`).

    g are the factors of a body: for few kinds of bodies 1 for its own kind and 0 for the others, else 1, its mass and
    its features. The moments are A_i,(k f)t = Σ_j R_k(|r_ij|²) u_ij^⊗t g_f(j).

    Args:
        lift: the lift.
        features: the number of channels of a point: its mass and its features.
    """

    layers: tuple = ()
    splits: ClassVar[bool] = True
    kernel: MomentWeights

    def __init__(self, lift: TensorLift, features: int):
        super().__init__()
        self.lift, self.features = lift, features
        self._build()

    def _build(self) -> None:
        species = self.lift.species
        self.factors = self.features + 1 if species is None else len(species)
        given = [] if species is None else species
        self.kinds = Kinds(torch.tensor(given, dtype=torch.float64).view(-1, self.features))
        lift, F = self.lift, self.factors
        dim = lift.group.space_dim
        together = np.ones((F, F), dtype=bool) if lift.together is None else np.array(lift.together, dtype=bool)
        level, most = lift.level, MOST_TERMS[lift.order]
        level = largest_level(lift.order, dim, together, most, MOST_LEVEL, lift.hand) if level is None else level
        self.level, found = level, terms(lift.order, level, F, dim, lift.hand)
        occur = [occurring(x, together) for x in found]
        some = [np.asarray(x.any(1)) for x in occur]
        self.terms = [x.where(k) for x, k in zip(found, some, strict=True) if k.any()]
        plain = np.broadcast_to(np.triu(together), (len(lift.plain_rank()), F, F)).reshape(-1, F)
        own = np.concatenate([plain, *(x[k] for x, k in zip(occur, some, strict=True))])
        self.register_buffer("columns", torch.from_numpy(own.reshape(-1).nonzero()[0]), persistent=False)
        weight = self.kernel.weight if "kernel" in self._modules else torch.zeros(())
        self.kernel = MomentWeights(len(self.columns)).to(weight.device, weight.dtype)

    kinds: Kinds
    columns: Tensor

    @property
    def plain_count(self) -> int:
        """Return the number of functions of two bodies at a point."""
        return len(self.lift.plain_rank()) * self.factors

    def _count(self) -> int:
        """Return the number of functions at a point."""
        return self.plain_count + sum(len(x.channels) for x in self.terms)

    def degree(self, of: Terms) -> int:
        """Return the largest degree of a radial function in some terms, and at least 1."""
        return max(1, int(of.channels.max()) // self.factors)

    def calibrate(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Find the kinds of bodies in the training data, and which of them are in one system.

        Args:
            features: mass and features in their units.
            mask: the padding mask.
        """
        if self.lift.species is not None:
            return
        kinds = kinds_of(features, mask)
        if kinds is not None:
            self.lift.settings["species"] = kinds.species.tolist()
            self.lift.settings["together"] = kinds.beside(features, mask).tolist()
            self._build()

    @property
    def terms_name(self) -> str:
        """Return what the output is a sum of, in words."""
        named = f"terms of {('two', 'three', 'four')[self.lift.order - 2]} bodies"
        return f"{named} within a cutoff" if self.lift.has_cutoff else named

    @property
    def least_bodies(self) -> int:
        """Return how many bodies a term sees."""
        return self.lift.order

    @property
    def linear_in_kernel(self) -> bool:
        """Return True: the output is linear in the weights θ."""
        return True

    def rank(self) -> Float[Tensor, " f"]:
        """Return the rank in which cross-validation adds the functions.

        It is that of `TensorLift` for two bodies, 2 + the level for three, and `LATER` more for four.
        """
        pairs = self.lift.plain_rank().double().repeat_interleave(self.factors)
        each = torch.cat([pairs, *(torch.from_numpy(self._term_rank(x)) for x in self.terms)])
        return each.repeat_interleave(self.factors)[self.columns.cpu()]

    def _term_rank(self, of: Terms) -> np.ndarray:
        return of.level + 2.0 + LATER * (len(of.ranks) - 2)

    def width(self) -> Float[Tensor, " f"]:
        """Return the least length over which each term changes, in the network's unit of length: infinite."""
        return self.rank().new_full((len(self.rank()),), inf)

    def check(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Raise InputError if there are bodies for which the network has no functions (`Kinds.check`).

        Args:
            features: mass and features in their units.
            mask: the padding mask.
        """
        if self.lift.species is not None:
            self.kinds.check(features, mask, self.lift.together)

    def given(self, features: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n f"]:
        """Return the factors g of the bodies."""
        if self.lift.species is None:
            return torch.cat([torch.ones_like(features[..., :1]), features], -1)
        return self.kinds(features)

    def _moments(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Moments, Tensor]:
        """Return the moments of all points of a flat batch, and the factors of the bodies, 0 for padding, (b, n, f)."""
        factors = self.given(features) * mask[..., None]
        seen = self.lift.neighborhood(points, mask, self.level)
        return moments(seen, factors, largest_rank(self.terms)), factors

    def _flat(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs with one batch axis."""
        check_precision("positions", points, self.kernel.weight)
        check_precision("features and masses", features, self.kernel.weight)
        batch = points.shape[:-2]
        features = features.expand(*batch, *features.shape[-2:])
        return points.flatten(0, -3), features.flatten(0, -3), mask.expand(*batch, -1).flatten(0, -2)

    def basis(
        self,
        points: Float[Tensor, "*batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
        mixing: Float[Tensor, "k r"] | None = None,
        chosen: Int[Tensor, " f"] | None = None,
    ) -> Float[Tensor, "*batch f 1"]:
        """Return Φ_fb = Σ_i g_f(i) B_b(i), of which the output is Σ θ Φ.

        Args:
            points: positions, in the model's unit of length.
            features: mass and features in their units.
            mask: the padding mask.
            mixing: a number by which the functions are multiplied, as a matrix (1, 1); 1 by default.
            chosen: the numbers of the functions that are wanted; by default all of them.
        """
        batch = points.shape[:-2]
        found, factors = self._moments(*self._flat(points.unsqueeze(0), features, mask))
        each = functions(found, self.terms, points.shape[-1]).unflatten(-1, factors.shape[:2])
        total = torch.einsum("tbi,bif->btf", each, factors).flatten(1)
        total = total.index_select(-1, self.columns if chosen is None else self.columns[chosen])
        total = total.unflatten(0, batch) if batch else total[0]
        return total[..., None] if mixing is None else total[..., None] * mixing

    @torch.no_grad()
    def slopes(
        self,
        points: Float[Tensor, "*batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
        mixing: Float[Tensor, "k r"],
        chosen: Int[Tensor, " f"],
    ) -> Float[Tensor, "*batch n d f 1"]:
        """Return the derivatives of `basis` by all points, some clouds at a time; functions come first in memory.

        Args:
            points: positions, in the model's unit of length.
            features: mass and features in their units.
            mask: the padding mask.
            mixing: see `basis`.
            chosen: the numbers of the functions that are wanted.
        """
        batch, (n, d) = points.shape[:-2], points.shape[-2:]
        kinds, columns = self._few(chosen)
        x, features, mask = self._flat(points, features, mask)
        total = x.new_empty(len(columns), len(x), n * d)
        sizes = self.level, largest_rank(kinds)
        some = max(1, PAIRS // n**2)
        for k in range(0, len(x), some):
            part = slice(k, k + some)
            factors = self.given(features[part]) * mask[part, :, None]
            at, moved = slopes_of_moments(self.lift, x[part], mask[part], factors, sizes)
            each = slopes_of_functions(at, moved, kinds, d).unflatten(-1, factors.shape[:2])
            summed = torch.einsum("tcbi,bif->tfbc", each, factors).flatten(0, 1)
            total[:, part] = summed.index_select(0, columns)
        total = total * mixing.item() if mixing.item() != 1 else total
        return total.view(-1, *batch, n, d).movedim(0, -1)[..., None]

    def _few(self, chosen: Int[Tensor, " f"]) -> tuple[list[Terms], Tensor]:
        """Return the terms up to the largest rank of some functions, and the places of these functions among them."""
        highest = float(self.rank()[chosen.cpu()].max())
        kept = [self._term_rank(x) <= highest for x in self.terms]
        which = torch.from_numpy(np.concatenate([np.ones(self.plain_count, dtype=bool), *kept]))
        place = (which.long().cumsum(0) - 1).to(chosen.device)
        b, f = self.columns[chosen] // self.factors, self.columns[chosen] % self.factors
        few = [x if k.all() else x.where(k) for x, k in zip(self.terms, kept, strict=True) if k.any()]
        return few, place[b] * self.factors + f

    def coefficients(self) -> Float[Tensor, "functions f"]:
        """Return θ by the functions of a point and the factors of that point; 0 for those that are counted once."""
        theta = self.kernel.weight.new_zeros(self._count() * self.factors)
        return theta.index_copy(0, self.columns, self.kernel.weight[0]).unflatten(0, (-1, self.factors))

    def forward(self, points: Tensor, features: Tensor, mask: Tensor) -> Float[Tensor, "*batch 1"]:
        check_precision("positions", points, self.kernel.weight)
        check_precision("features and masses", features, self.kernel.weight)
        total = MomentSum(self)
        return total(points, points.new_ones(()), *total.tensors(features, mask))[..., None]

    def redraw(self, generator: torch.Generator) -> None:
        """Do nothing: no random draws are held."""
