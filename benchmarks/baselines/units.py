"""The units of the data, which every baseline is given; nothing else is done to the data."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor


class Units(nn.Module):
    """Root mean squares of q, p, Δq/Δt, Δp/Δt and of (m, features): 1 until `calibrate`. Nothing is centred."""

    position: Tensor
    momentum: Tensor
    velocity: Tensor
    force: Tensor
    feature: Tensor

    def __init__(self, features: int):
        super().__init__()
        for name in ("position", "momentum", "velocity", "force"):
            self.register_buffer(name, torch.ones((), dtype=torch.float64))
        self.register_buffer("feature", torch.ones(features + 1, dtype=torch.float64))

    @torch.no_grad()
    def calibrate(self, data: Trajectory) -> None:
        """Set the units from data."""
        real, step = data.bodies.mask[..., None, :, None], data.times.diff(dim=-1)[..., None, None].to(data.q.dtype)
        rates = data.q.diff(dim=-3) / step, data.p.diff(dim=-3) / step
        units = self.position, self.momentum, self.velocity, self.force
        for unit, x in zip(units, (*data.states(), *rates), strict=True):
            unit.copy_(_rms(x[real.expand_as(x)]))
        seen = torch.cat([data.bodies.mass[..., None], data.bodies.features], -1)[data.bodies.mask]
        for k, column in enumerate(seen.unbind(-1)):
            self.feature[k] = _rms(column)

    def states(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch n x"]:
        """(q, p, m, features) of every body."""
        return torch.cat([state.q / self.position, state.p / self.momentum, self.seen(bodies, state.q)], -1)

    def positions(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n x"]:
        """(q, m, features) of every body."""
        return torch.cat([q / self.position, self.seen(bodies, q)], -1)

    def seen(self, bodies: Bodies, q: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n c"]:
        """(m, features), one for every state of `q`."""
        seen = torch.cat([bodies.mass[..., None], bodies.features], -1) / self.feature
        return seen.expand(*q.shape[:-1], -1)

    @property
    def energy(self) -> Tensor:
        """Force times position."""
        return self.force * self.position


def _rms(x: Tensor) -> Tensor:
    """√ of the mean square, 1 where that is 0."""
    mean = x.square().mean()
    return torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt()


def swish_network(inputs: int, width: int, outputs: int, hidden: int = 2) -> nn.Sequential:
    """Linear layers with swish between, float64."""
    sizes = [inputs, *[width] * hidden]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs)).double()


def both_ends(nodes: Float[Tensor, "*batch n x"]) -> Float[Tensor, "*batch n n y"]:
    """The features of i and those of j, of every pair."""
    n = nodes.shape[-2]
    here = nodes.unsqueeze(-2).expand(*nodes.shape[:-1], n, -1)
    return torch.cat([here, here.transpose(-2, -3)], -1)
