"""A model whose energy is linear in some of its coefficients obeys this contract."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Int, Tensor


class Dictionary(ABC):
    """A dictionary holds the functions of a model and their coefficients θ: H = H₀ + Σ_fk θ_fk Φ_fk + Σ_s θ_s Ψ_s.

    The index f counts the functions of a pair of bodies, k the outputs that weigh the pairs by what the bodies are. The
    single functions Ψ_s have one coefficient each, such as the components of a uniform field. All are functions of
    (q, p), and θ is one vector: that of Φ, function by function, then that of Ψ. A model of which H is not linear in θ
    gives Φ = ∂H/∂θ at its present θ: then the equation holds to first order.
    """

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

    @abstractmethod
    def get(self) -> Float[Tensor, " theta"]:
        """Return a copy of the coefficients θ that the model has now."""

    @abstractmethod
    def set(self, theta: Float[Tensor, " theta"]) -> None:
        """Write θ into the model, in the precision of its weights. A constant that Φ cannot tell is set to 0."""

    @abstractmethod
    def slope(self, loss: Float[Tensor, ""]) -> Float[Tensor, " theta"]:
        """Return ∂loss/∂θ of a loss that was computed with gradients."""
