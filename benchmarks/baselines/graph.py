"""Graph networks of Sanchez-Gonzalez et al. 2019 (arXiv 1909.12790): OGN, HOGN, and VOGN with the kinetic energy known.

Edges join all pairs. Nodes see positions as they are: nothing is centred.
"""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.baselines.learners import Rates, pairs_apart
from benchmarks.baselines.units import Units, both_ends, swish_network
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor

WIDTH = 64


class GraphNetwork(nn.Module):
    """One round of messages: e_ij = f(v_i, v_j), v_i' = g(v_i, Σ_j e_ij): (*batch, n, x) → (*batch, n, out)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.message = swish_network(2 * inputs, WIDTH, WIDTH)
        self.update = swish_network(inputs + WIDTH, WIDTH, outputs)

    def forward(self, nodes: Float[Tensor, "*batch n x"], apart: Float[Tensor, "*#batch n n"]) -> Tensor:
        messages = self.message(both_ends(nodes)) * apart[..., None]
        return self.update(torch.cat([nodes, messages.sum(-2)], -1))


class OGN(Rates):
    """(q̇, ṗ) of every body, by a graph network of (q, p, m, features)."""

    def __init__(self, dim: int, features: int):
        super().__init__()
        self.units, self.dim = Units(features), dim
        self.network = GraphNetwork(2 * dim + features + 1, 2 * dim)

    def forward(self, state: PhaseState, bodies: Bodies) -> tuple[Tensor, Tensor]:
        return self.network(self.units.states(state, bodies), pairs_apart(bodies)).split(self.dim, -1)


class GraphEnergy(nn.Module):
    """H(q, p) = Σ_i h_i, by a graph network of (q, p, m, features): HOGN."""

    def __init__(self, dim: int, features: int):
        super().__init__()
        self.units = Units(features)
        self.network = GraphNetwork(2 * dim + features + 1, 1)

    def forward(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch"]:
        unit = self.units.momentum * self.units.velocity
        each = self.network(self.units.states(state, bodies), pairs_apart(bodies))[..., 0]
        return unit * (each * bodies.mask).sum(-1)


class GraphPotential(nn.Module):
    """V(q) = Σ_i v_i, by a graph network of (q, m, features): VOGN."""

    def __init__(self, dim: int, features: int):
        super().__init__()
        self.units = Units(features)
        self.network = GraphNetwork(dim + features + 1, 1)

    def forward(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        each = self.network(self.units.positions(q, bodies), pairs_apart(bodies))[..., 0]
        return self.units.energy * (each * bodies.mask).sum(-1)
