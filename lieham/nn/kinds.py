"""Bodies of few kinds are told apart by one number for each kind: 1 for bodies of that kind and 0 for others."""

from __future__ import annotations

import torch
from torch import nn

from lieham.errors import InputError
from lieham.typing import Bool, Float, Tensor

MOST_SPECIES = 8
"""Where the data hold at most this many kinds of bodies, each kind has its own functions."""
SAME = 1e-9
"""Bodies are of one kind where mass and features, in their units, agree to this number in the training data,"""
NEAR = 1e-5
"""and to this one later."""


class Kinds(nn.Module):
    """A map from mass and features to one number for each kind of body, (*batch, n, c) → (*batch, n, kinds).

    Args:
        species: mass and features of each kind, in their units.
    """

    species: Tensor

    def __init__(self, species: Float[Tensor, "kinds c"]):
        super().__init__()
        self.register_buffer("species", species)

    def forward(self, features: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n kinds"]:
        same = (features.unsqueeze(-2) - self.species.to(features)).abs().amax(-1) <= NEAR
        return same.to(features.dtype)

    def beside(self, features: Tensor, mask: Bool[Tensor, "*batch n"]) -> Bool[Tensor, "kinds kinds"]:
        """Return True where some system has a body of the first kind beside another one of the second.

        Args:
            features: mass and features, (*batch, n, c).
            mask: the padding mask.
        """
        count = (self(features) * mask[..., None]).sum(-2).unsqueeze(0).flatten(0, -2)
        return (count[:, :, None] * count[:, None, :] > torch.diag_embed(count)).any(0)

    def check(self, features: Tensor, mask: Bool[Tensor, "*batch n"], together: list[list[bool]] | None) -> None:
        """Raise InputError if there are bodies of another kind, or kinds that were never in one system in training.

        Args:
            features: mass and features, (*batch, n, c).
            mask: the padding mask.
            together: what `beside` found in training; None where that is not known.
        """
        unknown = int(((self(features).sum(-1) == 0) & mask).sum())
        if unknown:
            raise InputError(
                f"bodies must be of the {len(self.species)} kinds that the model was trained on, got {unknown} others: "
                "train on data that hold them too"
            )
        if together is None:
            return
        pairs = (self.beside(features, mask) & ~torch.tensor(together, device=mask.device)).triu().sum()
        if int(pairs):
            raise InputError(
                "kinds of bodies must be in one system as in training, got "
                f"{int(pairs)} pairs of kinds that never were: train on data that hold them together"
            )


def kinds_of(features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> Kinds | None:
    """Return the kinds of bodies in data, or None where there are more than `MOST_SPECIES`.

    Args:
        features: mass and features, in their units.
        mask: the padding mask.
    """
    rows = features[mask].double()
    species = (rows / SAME).round().mul(SAME).unique(dim=0) if len(rows) else rows
    return Kinds(species) if 0 < len(species) <= MOST_SPECIES else None
