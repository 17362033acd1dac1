"""Laws that are a sum over pairs, of a function of the distance times a weight of the pair."""

from __future__ import annotations

from abc import abstractmethod

import torch

from lieham.state import Bodies
from lieham.typing import Float, Tensor
from systems.laws.base import Force, System


def pair_weights(strength: Float[Tensor, "*batch n"], bodies: Bodies) -> Float[Tensor, "*batch n n"]:
    """Return the products s_i s_j of real bodies i ≠ j, and 0 for all other pairs."""
    s = strength * bodies.mask
    n = s.shape[-1]
    return s[..., :, None] * s[..., None, :] * (1 - torch.eye(n, dtype=s.dtype, device=s.device))


class PairLaw(System):
    """V = Σ_{i<j} w_ij φ(r_ij), r_ij = |q_i − q_j|; a law gives φ, φ′/r and w."""

    @abstractmethod
    def pair_energy(self, d2: Tensor) -> Tensor:
        """Return the energy φ at the squared distance r², finite with its derivatives at 0."""

    @abstractmethod
    def tension(self, d2: Tensor) -> Tensor:
        """Return the ratio φ′/r at the squared distance r², finite at 0; positive where the pair attracts."""

    def weights(self, bodies: Bodies) -> Float[Tensor, "*batch n n"]:
        """Return the weights w_ij of the pairs, 0 unless i and j are two real bodies; by default 1."""
        return pair_weights(torch.ones_like(bodies.mass), bodies)

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        d2 = (q.unsqueeze(-2) - q.unsqueeze(-3)).square().sum(-1)
        return 0.5 * (self.weights(bodies) * self.pair_energy(d2)).sum((-1, -2))

    def force(self, bodies: Bodies) -> Force:
        weights = self.weights(bodies)

        def force(q: Tensor) -> Tensor:
            delta = q.unsqueeze(-2) - q.unsqueeze(-3)
            return -((weights * self.tension(delta.square().sum(-1)))[..., None] * delta).sum(-2)

        return force


def length(d2: Tensor) -> Tensor:
    """Return √d², with derivative 0 at 0."""
    return torch.where(d2 > 0, torch.where(d2 > 0, d2, torch.ones_like(d2)).sqrt(), torch.zeros_like(d2))


def inverse_length(d2: Tensor) -> Tensor:
    """Return 1/√d², taken as 0 with derivative 0 at 0, so that two bodies at one point do not act on each other."""
    return torch.where(d2 > 0, torch.where(d2 > 0, d2, torch.ones_like(d2)).rsqrt(), torch.zeros_like(d2))
