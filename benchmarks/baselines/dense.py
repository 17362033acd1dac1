"""Networks of all bodies at once, which know neither permutations nor symmetry: FC, HFC and a second-order ODE."""

from __future__ import annotations

from torch import nn

from benchmarks.baselines.learners import Force, Rates
from benchmarks.baselines.units import Units, swish_network
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor

WIDTH = 150


class FC(Rates):
    """(q̇, ṗ) = f(q, p, m, features): a neural ODE (Chen et al. 2018, arXiv 1806.07366)."""

    def __init__(self, n: int, dim: int, features: int):
        super().__init__()
        self.units, self.dim = Units(features), dim
        self.network = swish_network(n * (2 * dim + features + 1), WIDTH, n * 2 * dim)

    def forward(self, state: PhaseState, bodies: Bodies) -> tuple[Tensor, Tensor]:
        x = self.network(self.units.states(state, bodies).flatten(-2))
        return x.unflatten(-1, (-1, 2 * self.dim)).split(self.dim, -1)


class DenseForce(Force):
    """q̇ = p/m, ṗ = f(q, m, features): what Gruver et al. 2022 (arXiv 2202.04836) ask to compare with."""

    def __init__(self, n: int, dim: int, features: int):
        super().__init__()
        self.units, self.dim = Units(features), dim
        self.network = swish_network(n * (dim + features + 1), WIDTH, n * dim)

    def forward(self, q: Tensor, bodies: Bodies) -> Tensor:
        return self.network(self.units.positions(q, bodies).flatten(-2)).unflatten(-1, (-1, self.dim))


class DensePotential(nn.Module):
    """V(q, m, features): with the kinetic energy known, HFC (Finzi et al. 2020, arXiv 2002.12880)."""

    def __init__(self, n: int, dim: int, features: int):
        super().__init__()
        self.units = Units(features)
        self.network = swish_network(n * (dim + features + 1), WIDTH, 1)

    def forward(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        return self.units.energy * self.network(self.units.positions(q, bodies).flatten(-2))[..., 0]
