"""Draws that several laws share: random streams, velocities of a given energy, signs that cancel, clusters."""

from __future__ import annotations

import itertools
import math

import torch

from lieham.errors import check_choice
from lieham.typing import Float, Tensor

SPLIT_SEEDS = {"train": 0, "val": 1, "test": 2}


def stream(seed: int, split: str) -> torch.Generator:
    """Return the random generator of a seed and a split; no two of them share a stream."""
    check_choice("split", split, tuple(SPLIT_SEEDS))
    return torch.Generator().manual_seed(1_000_003 * seed + SPLIT_SEEDS[split])


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Draw u, uniform in [0, 1), in float64."""
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Draw from N(0, 1), in float64."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def velocities(
    generator: torch.Generator, mass: Float[Tensor, "batch n"], dim: int, kinetic: Float[Tensor, " batch"]
) -> Float[Tensor, "batch n d"]:
    """Draw velocities about a centre of mass at rest.

    Args:
        generator: the source of the draw.
        mass: masses (batch, n).
        dim: the dimension d of space.
        kinetic: the kinetic energy of each system, (batch,); a lone body has none.

    Returns:
        Velocities (batch, n, d) in float64.
    """
    v = normal(generator, *mass.shape, dim)
    v = v - (mass[..., None] * v).sum(1, keepdim=True) / mass.sum(-1)[:, None, None]
    drawn = 0.5 * (mass[..., None] * v.square()).sum((-1, -2))
    ratio = torch.where(drawn > 0, kinetic / drawn.clamp(min=1e-300), torch.zeros_like(drawn)).sqrt()
    return ratio[:, None, None] * v


def balanced_signs(generator: torch.Generator, n: int, n_bodies: int) -> Float[Tensor, "batch n"]:
    """Draw ±1 in random order, as many of one sign as of the other, or one more."""
    turn = 2.0 * torch.randint(2, (n, 1), generator=generator) - 1
    order = uniform(generator, n, n_bodies).argsort(-1)
    return turn.double() * (1 - 2 * (order % 2).double())


def cluster(
    generator: torch.Generator, n: int, n_bodies: int, dim: int, spacing: float, jitter: float
) -> Float[Tensor, "batch n d"]:
    """Draw the points of a close-packed lattice (2-D triangular, 3-D face-centred) nearest to a random point.

    Args:
        generator: the source of the draw.
        n: the number of systems.
        n_bodies: the number of points of each.
        dim: the dimension d of space, 2 or 3.
        spacing: the distance of neighbours in the lattice.
        jitter: how far a point is moved at most in each component; no two are nearer than spacing − 2 √d jitter.

    Returns:
        Points (n, n_bodies, d) about their mean, turned at random.
    """
    rows = [[1, 0], [0.5, math.sqrt(0.75)]] if dim == 2 else [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    basis = torch.tensor(rows, dtype=torch.float64) * (1 if dim == 2 else math.sqrt(0.5))
    reach = math.ceil(n_bodies ** (1 / dim)) + 2
    cells = torch.tensor(list(itertools.product(range(-reach, reach + 1), repeat=dim)), dtype=torch.float64)
    points = cells @ basis - (uniform(generator, n, 1, dim) @ basis)
    nearest = points.square().sum(-1).topk(n_bodies, largest=False).indices
    held = points.gather(1, nearest[..., None].expand(-1, -1, dim))
    held = spacing * held + jitter * (2 * uniform(generator, n, n_bodies, dim) - 1)
    turn, upper = torch.linalg.qr(normal(generator, n, dim, dim))
    turn = turn * upper.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]
    return (held - held.mean(1, keepdim=True)) @ turn
