"""Columns: which functions of a model's dictionary a regression takes, and which combinations of its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Int, Tensor

MOST_SEEN = 100
"""Windows by which combinations of outputs are told apart."""


@dataclass(frozen=True)
class Columns:
    """The columns of a regression: the functions `chosen`, each times the combinations `mixing` of the outputs.

    Args:
        chosen: numbers of the functions, (c,).
        mixing: combinations of the k outputs, one a column, (k, r); the columns are numbered function by function.
        singles: number of single functions; they are always taken, and their columns come last.
    """

    chosen: Int[Tensor, " c"]
    mixing: Float[Tensor, "k r"]
    singles: int = 0

    def values(self, dictionary: Dictionary, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch columns"]:
        """Return the function of every column at states.

        Args:
            dictionary: the functions.
            state: positions and momenta, (*batch, n, d).
            bodies: the bodies of the states.
        """
        found = dictionary.evaluate(state, bodies, self.chosen, self.mixing).flatten(-2)
        return torch.cat([found, dictionary.evaluate_singles(state, bodies)], -1) if self.singles else found

    def spread(self, theta: Float[Tensor, " columns"], functions: int) -> Float[Tensor, " theta"]:
        """Return the coefficients of all functions and outputs; those of functions that were not chosen are 0."""
        pairs, singles = theta.split([len(theta) - self.singles, self.singles])
        whole = theta.new_zeros(functions, len(self.mixing))
        whole[self.chosen] = pairs.reshape(len(self.chosen), self.mixing.shape[1]) @ self.mixing.mT.to(theta)
        return torch.cat([whole.flatten(), singles])

    def gather(self, theta: Float[Tensor, " theta"]) -> Float[Tensor, " columns"]:
        """Return what `spread` was given; of a derivative by the coefficients, that by the columns."""
        mixing = self.mixing.double()
        pairs, singles = theta.to(mixing).split([len(theta) - self.singles, self.singles])
        return torch.cat([(pairs.unflatten(0, (-1, len(mixing)))[self.chosen] @ mixing).flatten(), singles])

    def rank(self, dictionary: Dictionary) -> Float[Tensor, " columns"]:
        """Return the rank of the function of every column; single functions come before all others."""
        ranks = rank_of(dictionary, self.mixing)[self.chosen].repeat_interleave(self.mixing.shape[1])
        return torch.cat([ranks, ranks.new_full((self.singles,), -inf)])


def rank_of(dictionary: Dictionary, like: Tensor, narrowest: float = 0.0) -> Float[Tensor, " f"]:
    """Return the rank of every function, on the device of `like`; infinite for those that are not to be taken.

    Args:
        dictionary: the functions.
        like: a tensor.
        narrowest: the least width of a function that the data resolve, in the unit of q.
    """
    rank = dictionary.rank
    return rank.masked_fill(dictionary.width.to(rank.device) < narrowest, inf).to(like.device)


def columns_up_to(dictionary: Dictionary, mixing: Float[Tensor, "k r"], rank: float, narrowest: float = 0.0) -> Columns:
    """Return the columns of all functions of at most a rank.

    Args:
        dictionary: the functions.
        mixing: combinations of the outputs, (k, r).
        rank: the largest rank that is taken.
        narrowest: the least width of a function that is taken.
    """
    chosen = (rank_of(dictionary, mixing, narrowest) <= rank).nonzero().flatten()
    return Columns(chosen, mixing, dictionary.singles)


def distinguishable(dictionary: Dictionary, x: Trajectory) -> Float[Tensor, "k r"]:
    """Return orthonormal combinations of the outputs that the data can tell apart; the others change no energy.

    They are the eigenvectors of ΦᵀΦ over `MOST_SEEN` windows whose eigenvalue is above round-off.
    """
    first = PhaseState(x.q[:MOST_SEEN], x.p[:MOST_SEEN])
    rows = dictionary.evaluate(first, x.bodies.map(lambda y: y[:MOST_SEEN]).over_time())
    dtype, rows = rows.dtype, rows.double().flatten(0, -2)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    values, vectors = torch.linalg.eigh(rows.mT @ rows)
    noise = 1e-11 if dtype == torch.float64 else 1e-6
    return vectors[:, values > noise * values[-1]].to(dtype)
