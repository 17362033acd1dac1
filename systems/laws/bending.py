"""A law of three bodies, in which angles matter, so that no sum over pairs expresses it."""

from __future__ import annotations

from math import inf

import torch

from lieham.errors import expected
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor
from systems.laws.base import Force, System
from systems.laws.draws import normal, uniform
from systems.laws.pairs import pair_weights


class Bending(System):
    """V = ½ k Σ_{i<j} r_ij² + λ Σ_i Σ_{j<k} (r_ij · r_ik)² w_ij w_ik, w = exp(−r²/2σ²), r_ij = q_j − q_i; unit-less.

    Springs hold the bodies together, and the angle at each body tends to a right one, as in a Stillinger-Weber
    potential (Phys. Rev. B 31, 5262, 1985), but smoothly where bodies meet. Masses are 0.5 + u with u uniform in
    [0, 1), positions 0.6 N(0, 1), momenta 0.6 N(0, 1) less their mean over the bodies; there are no features. The times
    are linspace(0, 5, 500).

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        k: the stiffness of the springs, positive.
        strength: the weight λ of the angles.
        sigma: the reach σ of the angles, positive.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "bending"

    def __init__(self, n_bodies: int = 4, dim: int = 2, *, k: float = 1.0, strength: float = 3.0, sigma: float = 1.0):
        super().__init__(n_bodies, dim)
        for name, value, least in (("k", k, 0), ("strength", strength, -inf), ("sigma", sigma, 0)):
            if not least < value < inf:
                raise expected(name, "finite" + (" and positive" if least == 0 else ""), value)
        self.k, self.strength, self.sigma = k, strength, sigma

    @property
    def parameters(self) -> dict:
        return {"k": self.k, "strength": self.strength, "sigma": self.sigma}

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        r, products, weights = self._angles(q, bodies)
        real = pair_weights(torch.ones_like(bodies.mass), bodies)
        springs = 0.25 * self.k * (real * r.square().sum(-1)).sum((-1, -2))
        return springs + 0.5 * self.strength * (weights * products.square()).sum((-1, -2, -3))

    def force(self, bodies: Bodies) -> Force:
        real = pair_weights(torch.ones_like(bodies.mass), bodies)

        def force(q: Tensor) -> Tensor:
            r, s, w = self._angles(q, bodies)
            # The derivative by r_ij of what it makes with all others k at the body i.
            across = torch.einsum("...ijk,...ikd->...ijd", 2 * w * s, r)
            along = (w * s.square()).sum(-1)[..., None] * r / self.sigma**2
            pull = self.strength * (across - along) + 0.5 * self.k * real[..., None] * r
            return pull.sum(-2) - pull.sum(-3)

        return force

    def _angles(self, q: Tensor, bodies: Bodies) -> tuple[Tensor, Tensor, Float[Tensor, "*batch n n n"]]:
        """r_ij, r_ij · r_ik, and w_ij w_ik, 0 unless i, j and k are three real bodies."""
        r = q.unsqueeze(-3) - q.unsqueeze(-2)
        real = pair_weights(torch.ones_like(bodies.mass), bodies)
        w = real * torch.exp(-r.square().sum(-1) / (2 * self.sigma**2))
        apart = 1 - torch.eye(q.shape[-2], dtype=q.dtype, device=q.device)
        return r, torch.einsum("...ijd,...ikd->...ijk", r, r), w[..., :, None] * w[..., None, :] * apart

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 0.5 + uniform(generator, n, self.n_bodies)
        q = 0.6 * normal(generator, n, self.n_bodies, self.dim)
        p = 0.6 * normal(generator, n, self.n_bodies, self.dim)
        return PhaseState(q, p - p.mean(1, keepdim=True)), Bodies.of(mass)
