"""`MomentNet`: an energy that is linear in its weights, of contracted products of the moments of a `TensorLift`."""

from __future__ import annotations

from math import inf

import torch
from torch import nn

from lieham._support.numerics import check_precision
from lieham.errors import InputError
from lieham.lift.tensor import MOST_LEVEL, MOST_TERMS, TensorLift
from lieham.nn.invariants import contracted, largest_level, terms
from lieham.typing import Bool, Float, Int, Tensor

MOST_SPECIES = 8
"""Where the data hold at most this many kinds of bodies, each kind has its own functions."""
SAME = 1e-9
"""Bodies are of one kind where mass and features, in their units, agree to this number in the training data,"""
NEAR = 1e-5
"""and to this one later."""


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
    kernel: MomentWeights

    def __init__(self, lift: TensorLift, features: int):
        super().__init__()
        self.lift, self.features = lift, features
        self._build()

    def _build(self) -> None:
        species = self.lift.species
        self.factors = self.features + 1 if species is None else len(species)
        kinds = torch.zeros(0, self.features) if species is None else torch.tensor(species, dtype=torch.float64)
        self.register_buffer("kinds", kinds.double())
        lift, F = self.lift, self.factors
        dim = lift.group.space_dim
        highest = largest_level(lift.order, F, dim, MOST_TERMS, MOST_LEVEL) if lift.level is None else lift.level
        self.level, self.terms = highest, terms(lift.order, highest, F, dim)
        count = len(lift.plain_rank())
        pairs = torch.arange(count * F * F).unflatten(0, (count, F, F))
        i, j = torch.triu_indices(F, F)
        others = count * F * F + torch.arange(F * sum(len(x.channels) for x in self.terms))
        self.register_buffer("columns", torch.cat([pairs[:, i, j].flatten(), others]), persistent=False)
        weight = self.kernel.weight if "kernel" in self._modules else torch.zeros(())
        self.kernel = MomentWeights(len(self.columns)).to(weight.device, weight.dtype)

    kinds: Tensor
    columns: Tensor

    @torch.no_grad()
    def calibrate(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Find the kinds of bodies in the training data.

        Args:
            features: mass and features in their units.
            mask: the padding mask.
        """
        rows = features[mask].double()
        kinds = (rows / SAME).round().mul(SAME).unique(dim=0) if len(rows) else rows
        if self.lift.species is None and 0 < len(kinds) <= MOST_SPECIES:
            self.lift.settings["species"] = kinds.tolist()
            self._build()

    @property
    def terms_name(self) -> str:
        """Return what the output is a sum of, in words."""
        return f"terms of {('two', 'three', 'four')[self.lift.order - 2]} bodies"

    @property
    def linear_in_kernel(self) -> bool:
        """Return True: the output is linear in the weights θ."""
        return True

    def rank(self) -> Float[Tensor, " f"]:
        """Return the rank in which cross-validation adds the functions: that of `TensorLift`, and 2 + the level."""
        pairs = self.lift.plain_rank().double().repeat_interleave(self.factors)
        each = torch.cat([pairs, *(x.level.double() + 2 for x in self.terms)])
        return each.repeat_interleave(self.factors)[self.columns.cpu()]

    def width(self) -> Float[Tensor, " f"]:
        """Return the least length over which each term changes, in the network's unit of length: infinite."""
        return self.rank().new_full((len(self.rank()),), inf)

    def check(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Raise InputError if there are bodies of a kind that the network has no functions for.

        Args:
            features: mass and features in their units.
            mask: the padding mask.
        """
        unknown = int(((self.given(features).sum(-1) == 0) & mask).sum())
        if unknown:
            raise InputError(
                f"bodies must be of the {len(self.kinds)} kinds that the model was trained on, got {unknown} others: "
                "train on data that hold them too"
            )

    def given(self, features: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n f"]:
        """Return the factors g of the bodies."""
        if self.lift.species is None:
            return torch.cat([torch.ones_like(features[..., :1]), features], -1)
        same = (features.unsqueeze(-2) - self.kinds.to(features)).abs().amax(-1) <= NEAR
        return same.to(features.dtype)

    def _local(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return all functions at each point, (*batch, n, b), and its factors, (*batch, n, f), which are 0 for padding.

        Args:
            points: positions, in the model's unit of length.
            features: mass and features in their units.
            mask: the padding mask.
        """
        check_precision("positions", points, self.kernel.weight)
        check_precision("features and masses", features, self.kernel.weight)
        factors = self.given(features) * mask[..., None]
        seen = self.lift.neighborhood(points, mask, self.level)
        around = factors.unsqueeze(-3)
        parts = [_outer(seen.plain, around).sum(-2)]
        if self.terms:
            moments = self.moments(_outer(seen.radial, around), seen.direction)
            parts += [contracted(moments, x) for x in self.terms]
        return torch.cat(parts, -1), factors

    def moments(
        self, channels: Float[Tensor, "*batch n n c"], direction: Float[Tensor, "*batch n n d"]
    ) -> list[Tensor]:
        """Return Σ_j channel_ijc u_ij^⊗t for t = 0, 1, ... up to the largest rank that the terms need.

        Args:
            channels: the radial functions times the factors of the neighbors.
            direction: the soft directions u.
        """
        found, tensor, d = [channels.sum(-2)], direction, direction.shape[-1]
        for rank in range(1, 1 + max(max(x.ranks) for x in self.terms)):
            if rank > 1:
                tensor = _outer(tensor, direction)
            found.append(torch.einsum("...ijc,...ijx->...icx", channels, tensor).unflatten(-1, (d,) * rank))
        return found

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
        values, factors = self._local(points, features, mask)
        found = torch.einsum("...nb,...nf->...bf", values, factors.expand(*values.shape[:-1], -1)).flatten(-2)
        found = found.index_select(-1, self.columns if chosen is None else self.columns[chosen])
        return found[..., None] if mixing is None else found[..., None] * mixing

    def forward(self, points: Tensor, features: Tensor, mask: Tensor) -> Float[Tensor, "*batch 1"]:
        values, factors = self._local(points, features, mask)
        theta = self.kernel.weight.new_zeros(values.shape[-1] * self.factors)
        theta = theta.index_copy(0, self.columns, self.kernel.weight[0])
        local = (factors @ theta.unflatten(0, (-1, self.factors)).mT * values).sum(-1)
        return local.sum(-1, keepdim=True)

    def redraw(self, generator: torch.Generator) -> None:
        """Do nothing: no random draws are held."""


def _outer(a: Float[Tensor, "*#batch x"], b: Float[Tensor, "*#batch y"]) -> Float[Tensor, "*batch xy"]:
    return (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2)
