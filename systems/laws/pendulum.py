"""Two bodies on springs, hung from a pivot: the benchmark of Finzi, Welling, Wilson (ICML 2021, arXiv 2104.09459)."""

from __future__ import annotations

import torch

from lieham.errors import expected
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor
from systems.checks import check_positive
from systems.laws.base import Force, System
from systems.laws.draws import normal
from systems.laws.pairs import inverse_length, length, pair_weights


class DoubleSpringPendulum(System):
    """V = ½ Σ_i κ_i (|q_i| − 1)² + ½ k Σ_{i<j} (|q_i − q_j| − 1)² + g Σ_i m_i z_i in 3-D; unit-less; masses 1, g = 1.

    The feature of a body is κ, the stiffness of its tie to the pivot at the origin: 1 for the first and 0 for the
    second, which tells them apart. Positions are (0, 0, −1.5) and (0, 0, −3) + 0.2 N(0, 1), momenta 0.4 N(0, 1). More
    bodies hang where the second does, all tied to each other. The law is invariant under SO(2) about z, so L_z is kept,
    and neither P nor the rest of L. The times are linspace(0, 5, 500); the published runs take windows of 5 points 0.2
    apart from 30 time units. The force of a spring whose ends meet is taken as 0.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, which has to be 3.
        k: the stiffness of the springs between bodies, positive. The published code (`mfinzi/equivariant-MLP`) leaves
            the ½ out for the second spring alone, so 2 is the law of the published data; 1 makes both springs alike.
        g: the acceleration along −z, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "double-spring-pendulum"

    def __init__(self, n_bodies: int = 2, dim: int = 3, *, k: float = 2.0, g: float = 1.0):
        super().__init__(n_bodies, dim)
        if dim != 3:
            raise expected("dim", "3 for a field along z", dim)
        check_positive(k=k, g=g)
        self.k, self.g = k, g
        self.symmetry = "SO(2)xTrivial(1)"

    @property
    def parameters(self) -> dict:
        return {"k": self.k, "g": self.g}

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        d2 = (q.unsqueeze(-2) - q.unsqueeze(-3)).square().sum(-1)
        ties, pivot, weight = self._strengths(bodies)
        inner = 0.25 * (ties * (length(d2) - 1).square()).sum((-1, -2))
        hung = 0.5 * pivot * (length(q.square().sum(-1)) - 1).square() + weight * q[..., 2]
        return inner + hung.sum(-1)

    def force(self, bodies: Bodies) -> Force:
        ties, pivot, weight = self._strengths(bodies)
        down = torch.nn.functional.pad(-weight[..., None], (2, 0))

        def force(q: Tensor) -> Tensor:
            delta = q.unsqueeze(-2) - q.unsqueeze(-3)
            between = -((ties * _pull(delta))[..., None] * delta).sum(-2)
            return between - (pivot * _pull(q))[..., None] * q + down

        return force

    def _strengths(
        self, bodies: Bodies
    ) -> tuple[Float[Tensor, "*batch n n"], Float[Tensor, "*batch n"], Float[Tensor, "*batch n"]]:
        """Stiffness of each pair's tie, stiffness of each tie to the pivot, weight of each body; 0 where padded."""
        ties = self.k * pair_weights(torch.ones_like(bodies.mass), bodies)
        return ties, bodies.features[..., 0] * bodies.mask, self.g * bodies.mass * bodies.mask

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        tied = torch.zeros(n, self.n_bodies, 1, dtype=torch.float64)
        tied[:, 0] = 1
        q = 0.2 * normal(generator, n, self.n_bodies, 3)
        q[..., 2] -= 3 - 1.5 * tied[..., 0]
        p = 0.4 * normal(generator, n, self.n_bodies, 3)
        return PhaseState(q, p), Bodies.of(torch.ones(n, self.n_bodies, dtype=torch.float64), tied)


def _pull(delta: Float[Tensor, "*batch d"]) -> Tensor:
    """1 − 1/r, and 0 where r = 0."""
    d2 = delta.square().sum(-1)
    return torch.where(d2 > 0, 1 - inverse_length(d2), torch.zeros_like(d2))
