"""A model whose energy is linear in some of its coefficients obeys this contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch

from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Int, Tensor


class Products(NamedTuple):
    """Combinations of the outputs, each of which weighs a pair by one product of what its bodies are.

    Args:
        mixing: the combinations, one a column, (k, s).
        family: the number of the family of each, (s,): products that are chosen together, as those of indicators are.
    """

    mixing: Float[Tensor, "k s"]
    family: Int[Tensor, " s"]


class Dictionary(ABC):
    """A dictionary holds the functions of a model and their coefficients θ: H = H₀ + Σ_fk θ_fk Φ_fk + Σ_s θ_s Ψ_s.

    The index f counts the functions of a pair of bodies, k the outputs that weigh the pairs by what the bodies are. The
    single functions Ψ_s have one coefficient each, such as the components of a uniform field. All are functions of
    (q, p), and θ is one vector: that of Φ, function by function, then that of Ψ. A model of which H is not linear in θ
    gives Φ = ∂H/∂θ at its present θ: then the equation holds to first order.
    """

    name: str = "functions"
    """What the functions are, in words."""
    least_bodies: int = 2
    """Systems of fewer bodies have nothing that the functions could see."""
    ends: bool = False
    """If True, the functions end at some distance of two bodies."""
    functions: int
    """The dictionary has this number of functions f."""
    singles: int = 0
    """The dictionary has this number of single functions s."""

    @property
    @abstractmethod
    def rank(self) -> Float[Tensor, " f"]:
        """The rank is the order in which cross-validation adds the functions: those of the least rank come first."""

    @property
    @abstractmethod
    def width(self) -> Float[Tensor, " f"]:
        """The width is the least length, in the unit of q, over which a function changes; it is infinite for a smooth
        one, and 0 where it is not known."""

    @abstractmethod
    def evaluate(
        self,
        state: PhaseState,
        bodies: Bodies,
        chosen: Int[Tensor, " f"] | None = None,
        mixing: Float[Tensor, "k r"] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Evaluate Φ at states.

        Args:
            state: positions and momenta, (*batch, n, d).
            bodies: the bodies of the states.
            chosen: numbers of the functions that are wanted; all of them by default.
            mixing: combinations of the outputs, one a column; the outputs themselves by default.
        """

    def evaluate_singles(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch s"]:
        """Evaluate Ψ at states; there are none by default.

        Args:
            state: positions and momenta, (*batch, n, d).
            bodies: the bodies of the states.
        """
        return state.q.new_zeros(*state.q.shape[:-2], 0)

    def derivatives(
        self,
        state: PhaseState,
        bodies: Bodies,
        of: tuple[Int[Tensor, " f"], Float[Tensor, "k r"]],
        along: int,
    ) -> Float[Tensor, "*batch n d f r"]:
        """Return the derivatives of Φ by every coordinate of every body, by one forward derivative each.

        Args:
            state: positions and momenta, (*batch, n, d).
            bodies: the bodies of the states.
            of: `chosen` and `mixing`, as `evaluate` has them.
            along: 0 for ∂Φ/∂q, 1 for ∂Φ/∂p.
        """
        return _by_coordinates(lambda x: self.evaluate(x, bodies, *of), state, along)

    def derivatives_of_singles(self, state: PhaseState, bodies: Bodies, along: int) -> Float[Tensor, "*batch n d s"]:
        """Return the derivatives of Ψ by every coordinate of every body.

        Args:
            state: positions and momenta, (*batch, n, d).
            bodies: the bodies of the states.
            along: 0 for ∂Ψ/∂q, 1 for ∂Ψ/∂p.
        """
        return _by_coordinates(lambda x: self.evaluate_singles(x, bodies), state, along)

    def products(self, bodies: Bodies) -> Products | None:
        """Return the combinations of the outputs that weigh a pair by one product of what its bodies are.

        With z = (1, m, features), combination s weighs the pair (i, j) by z_a(i) z_b(j), or by z_a(i) z_b(j) +
        z_b(i) z_a(j) where pairs are unordered. Products that are alike for all pairs of `bodies` are returned once. It
        is None where the outputs are no such products.

        Args:
            bodies: the bodies, (*batch, n).
        """
        return None

    def work(self, n: int, d: int) -> int:
        """Return about how many numbers `derivatives` holds at once for one state of n bodies in d dimensions."""
        return n * n * self.functions * n * d

    @abstractmethod
    def get(self) -> Float[Tensor, " theta"]:
        """Return a copy of the coefficients θ that the model has now."""

    @abstractmethod
    def set(self, theta: Float[Tensor, " theta"]) -> None:
        """Write θ into the model, in the precision of its weights. A constant that Φ cannot tell is set to 0."""

    @abstractmethod
    def slope(self, loss: Float[Tensor, ""]) -> Float[Tensor, " theta"]:
        """Return ∂loss/∂θ of a loss that was computed with gradients."""


def _by_coordinates(
    values: Callable[[PhaseState], Tensor], state: PhaseState, along: int
) -> Float[Tensor, "*batch n d *values"]:
    """Return the derivatives of functions of a state by every q (along 0) or p (1), by one forward derivative each."""
    at = state[along]
    directions = torch.eye(at.shape[-2:].numel(), dtype=at.dtype, device=at.device).view(-1, *at.shape[-2:])

    def moved(x: Tensor) -> Tensor:
        return values(PhaseState(x, state.p) if along == 0 else PhaseState(state.q, x))

    found = torch.func.vmap(lambda x: torch.func.jvp(moved, (at,), (x.expand_as(at),))[1])(directions)
    batch = at.ndim - 2
    return found.movedim(0, batch).unflatten(batch, at.shape[-2:])
