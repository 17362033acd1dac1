"""Baselines with a symmetry: a force in the manner of EGNN, and LieConv on the vector field, without a Hamiltonian."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.baselines.learners import Force, Rates, pairs_apart
from benchmarks.baselines.units import Units, both_ends, swish_network
from lieham.groups import make_group
from lieham.lift import PointLift
from lieham.nn import LieResNet, NetworkSettings, PaperBlock
from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor

WIDTH = 64
LAYERS = 2


class EGNNForce(Force):
    """ṗ_i = Σ_j (q_i − q_j) φ(e_ij), e_ij of |q_i − q_j|² and the features of both, which earlier layers update from
    their messages (Satorras, Hoogeboom, Welling 2021, arXiv 2102.09844, eqs. 3 to 6). Equivariant under E(d)."""

    def __init__(self, dim: int, features: int):
        super().__init__()
        self.units = Units(features)
        self.embed = nn.Linear(features + 1, WIDTH).double()
        self.messages = nn.ModuleList(swish_network(2 * WIDTH + 1, WIDTH, WIDTH) for _ in range(LAYERS))
        self.updates = nn.ModuleList(swish_network(2 * WIDTH, WIDTH, WIDTH, 1) for _ in range(LAYERS - 1))
        self.weight = swish_network(WIDTH, WIDTH, 1, 1)

    def forward(self, q: Tensor, bodies: Bodies) -> Tensor:
        r = (q.unsqueeze(-2) - q.unsqueeze(-3)) / self.units.position
        squared, apart = r.square().sum(-1, keepdim=True), pairs_apart(bodies)[..., None]
        h = self.embed(self.units.seen(bodies, q))
        e = self._message(0, h, squared)
        for k, update in enumerate(self.updates):
            h = h + update(torch.cat([h, (e * apart).sum(-2)], -1))
            e = self._message(k + 1, h, squared)
        return (r * self.weight(e) * apart).sum(-2)

    def _message(self, layer: int, h: Tensor, squared: Tensor) -> Tensor:
        return self.messages[layer](torch.cat([both_ends(h), squared], -1))


class FLieConv(Rates):
    """(q̇, ṗ) of every body from a LieResNet that also sees p: LieConv under T(d) without H (Finzi et al. 2020)."""

    def __init__(self, dim: int, features: int, width: int, blocks: int):
        super().__init__()
        self.units, self.dim = Units(features), dim
        lift = PointLift(make_group(f"T({dim})"), bases=0)
        self.network = LieResNet(lift, dim + features + 1, 2 * dim, NetworkSettings(width, blocks, PaperBlock)).double()

    def forward(self, state: PhaseState, bodies: Bodies) -> tuple[Tensor, Tensor]:
        seen = torch.cat([state.p / self.units.momentum, self.units.seen(bodies, state.q)], -1)
        _, values = self.network.local(state.q / self.units.position, seen, bodies.mask)
        return values.split(self.dim, -1)
