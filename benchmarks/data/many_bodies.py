"""Laws that no sum over pairs of products holds: bonded chains, covalent clusters, weights that are roots of masses."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lieham.data import Dataset
from lieham.dynamics import SeparableHamiltonian
from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems import Bending

Potential = Callable[[Tensor, Bodies], Tensor]
CLUSTER = torch.tensor(
    [[0, 0, 0], [1, 0, 0], [0.5, 0.87, 0], [0.5, 0.29, 0.82], [0.5, 0.29, -0.82], [1.5, 0.87, 0], [1, 1.16, 0.82],
     [1.5, 0.29, -0.82]], dtype=torch.float64,
)  # fmt: skip
"""Places about 1 apart, from which clusters start."""


def stillinger_weber(q: Float[Tensor, "*batch n 3"], bodies: Bodies) -> Float[Tensor, "*batch"]:
    """Silicon by Stillinger and Weber (1985, Phys. Rev. B 31, 5262): pairs and triples that end at distance 1.8."""
    r = q.unsqueeze(-3) - q.unsqueeze(-2)
    off = ~torch.eye(q.shape[-2], dtype=torch.bool)
    length = (r.square().sum(-1) + ~off).sqrt()
    inside = off & (length < 1.799)
    fade = torch.where(inside, length - 1.8, -1.0).reciprocal()
    pairs = 7.05 * (0.602 * length**-4 - 1) * fade.exp() * inside
    near = (1.2 * fade).exp() * inside
    unit = r / length[..., None]
    triples = near[..., :, None] * near[..., None, :] * (unit @ unit.mT + 1 / 3).square() * off
    return pairs.sum((-1, -2)) / 2 + 21 / 2 * triples.sum((-1, -2, -3))


def bonded(q: Float[Tensor, "*batch n 3"], bodies: Bodies) -> Float[Tensor, "*batch"]:
    """A chain with bonds, angles and dihedral angles: 50 (r − 1)² + 10 (cos θ + 1/3)² + ½ (1 + cos 3φ), summed."""
    bond = q[..., 1:, :] - q[..., :-1, :]
    length = bond.norm(dim=-1)
    unit = bond / length[..., None]
    cosine = -(unit[..., 1:, :] * unit[..., :-1, :]).sum(-1)
    normal = torch.linalg.cross(unit[..., :-1, :], unit[..., 1:, :])
    normal = normal / normal.norm(dim=-1, keepdim=True)
    turn = (normal[..., 1:, :] * normal[..., :-1, :]).sum(-1)
    folds = 4 * turn**3 - 3 * turn
    return 50 * (length - 1).square().sum(-1) + 10 * (cosine + 1 / 3).square().sum(-1) + 0.5 * (1 + folds).sum(-1)


def rooted(q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
    """Attraction as in gravity, with √(m_i m_j) in place of m_i m_j: −Σ √(m_i m_j) / √(r² + 0.09)."""
    i, j = torch.triu_indices(q.shape[-2], q.shape[-2], 1)
    weight = (bodies.mass[..., i] * bodies.mass[..., j]).sqrt()
    return -(weight / ((q[..., i, :] - q[..., j, :]).square().sum(-1) + 0.09).sqrt()).sum(-1)


def clusters(k: int, seed: int, n: int = 5) -> Dataset:
    """Clusters of `n` atoms of silicon, in the units of Stillinger and Weber.

    They start 0.05 from their places: from 0.1, some pair of the unseen ones is closer than any that was learned from.
    """
    q = CLUSTER[:n] + 0.05 * _normal(seed, k, n, 3)
    return _dataset(stillinger_weber, q, 0.4 * _normal(seed + 1, k, n, 3), Bodies.of(torch.ones(k, n).double()), 0.05)


def chains(k: int, seed: int, n: int = 6) -> Dataset:
    """Chains of `n` bodies, each with its place in the chain as a feature."""
    step = torch.tensor([[0.94, 0.33, 0.0], [0.94, -0.33, 0.0]]).double()
    along = step[torch.arange(n - 1) % 2].cumsum(0)
    q = torch.cat([torch.zeros(1, 3).double(), along]) + 0.15 * _normal(seed, k, n, 3)
    index = torch.arange(n).double().expand(k, n)[..., None]
    bodies = Bodies.of(torch.ones(k, n).double(), index)
    return _dataset(bonded, q, 0.5 * _normal(seed + 1, k, n, 3), bodies, 0.02)


def rooted_gravity(k: int, seed: int, n: int = 4) -> Dataset:
    """Bodies in the plane that attract by `rooted`, of masses between 0.2 and 3."""
    mass = 0.2 + 2.8 * torch.rand(k, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = 0.3 * _normal(seed + 2, k, n, 2) * mass[..., None]
    return _dataset(rooted, _normal(seed + 1, k, n, 2), p, Bodies.of(mass), 0.05)


def bending(k: int, seed: int) -> Dataset:
    """Windows of 5 points of the law `bending`, 4 bodies in the plane."""
    return Bending().benchmark(k, seed, n_test=200)


LAWS: dict[str, tuple[Callable[[int, int], Dataset], float]] = {
    "bending": (bending, 1e5),
    "bonds, angles and dihedral angles": (chains, 1e4),
    "Stillinger-Weber": (clusters, 1e4),
    "roots of masses": (rooted_gravity, 1e6),
}
"""Each law's data, and the goal: how many times less than free flight's mean error is asked of the default fit."""


def _dataset(law: Potential, q: Tensor, p: Tensor, bodies: Bodies, step: float) -> Dataset:
    """20 points of each trajectory; as many again as test."""
    p = p - p.mean(-2, keepdim=True)
    times = step * torch.arange(20).double()
    path = integrate(SeparableHamiltonian(law).field(bodies), PhaseState(q, p), times, "yoshida6", substeps=16)
    x, half = Trajectory.of(times, path.q, path.p, bodies), len(q) // 2
    return Dataset(x[:half], test=x[half:])


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
