"""The settings of an audit say what a callable returns, which configurations are tried, and how many."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

import torch

from lieham._support.settings import at_least, check_types
from lieham.errors import check_choice, expected

KINDS = ("H", "V", "force")
"""A callable returns one of these: the energy H(q, p), the potential V(q), or the force F(q)."""
MOVES = ("scalar", "vector", "covector", "point")
"""A side input follows x → A x + b in one of these ways: not at all, by A, by A⁻ᵀ, or by A and b."""


@dataclass(frozen=True)
class AuditConfig:
    """An AuditConfig holds the settings of `audit`, each of which can also be given to `audit` by name.

    Args:
        kind: what a callable returns: "V" or "H" of shape (b,), or "force" of shape (b, n, d).
        moves: how each side input follows a motion x → A x + b: "scalar" (not at all, the default), "vector" (A),
            "covector" (A⁻ᵀ) or "point" (A and b). Inputs whose last axis is d must be named here.
        n_bodies: bodies in a configuration.
        count: random moves of the check of invariance; the search for the worst one tries 1,280 more.
        length: size of the configurations of a callable, in its unit of length; a trained model knows its own.
        dtype: precision of the configurations that a callable is given.
        batched: whether a callable takes batches (b, n, d); False for one that takes a single system (n, d).
        seed: seed of everything that is drawn at random.
        reach: every second configuration is made larger, up to this many times; the report says how far it went.

    Raises:
        InputError: if a setting is out of range.
    """

    kind: str = "V"
    moves: dict[str, str] = field(default_factory=dict)
    n_bodies: int = 5
    count: int = 1000
    length: float = 1.0
    dtype: torch.dtype = torch.float64
    batched: bool = True
    seed: int = 0
    reach: float = 1.0

    def __post_init__(self) -> None:
        check_types(self)
        at_least(self, "n_bodies", 2)
        at_least(self, "count", 1)
        if not (isfinite(self.reach) and self.reach >= 1):
            raise expected("reach", "a finite number of at least 1", self.reach)
        check_choice("kind", self.kind, KINDS)
        for name, how in self.moves.items():
            check_choice(f"moves[{name!r}]", how, MOVES)
