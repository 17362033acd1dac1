"""Draws that several laws share: momenta of a given kinetic energy, signs that cancel, clusters without overlaps."""

from __future__ import annotations

import itertools
import math

import torch

from lieham.errors import expected
from lieham.typing import Float, Tensor
from systems.laws.base import normal, uniform


def check_positive(**settings: float) -> None:
    """Raise InputError unless each setting is finite and positive."""
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise expected(name, "finite and positive", value)


def velocities(
    generator: torch.Generator, mass: Float[Tensor, "batch n"], dim: int, kinetic: Float[Tensor, " batch"]
) -> Float[Tensor, "batch n d"]:
    """N(0, 1) about the centre of mass, scaled to that kinetic energy; a lone body is at rest."""
    v = normal(generator, *mass.shape, dim)
    v = v - (mass[..., None] * v).sum(1, keepdim=True) / mass.sum(-1)[:, None, None]
    drawn = 0.5 * (mass[..., None] * v.square()).sum((-1, -2))
    ratio = torch.where(drawn > 0, kinetic / drawn.clamp(min=1e-300), torch.zeros_like(drawn)).sqrt()
    return ratio[:, None, None] * v


def balanced_signs(generator: torch.Generator, n: int, n_bodies: int) -> Float[Tensor, "batch n"]:
    """±1 in random order, as many of one sign as of the other, or one more."""
    turn = 2.0 * torch.randint(2, (n, 1), generator=generator) - 1
    order = uniform(generator, n, n_bodies).argsort(-1)
    return turn.double() * (1 - 2 * (order % 2).double())


def cluster(
    generator: torch.Generator, n: int, n_bodies: int, dim: int, spacing: float, jitter: float
) -> Float[Tensor, "batch n d"]:
    """The points of a close-packed lattice (2-D triangular, 3-D face-centred) nearest to a random point, moved by up to
    `jitter` in each component, turned at random: no two are nearer than `spacing` − 2 √d `jitter`."""
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
