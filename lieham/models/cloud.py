"""Image and molecule models: LieResNet with a head that tells a class or a number of a cloud of points."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from lieham.data.clouds import PointClouds
from lieham.errors import InputError, check_choice, expected
from lieham.groups import Group, make_group
from lieham.groups.algebra import keeps_form_in_other_units
from lieham.lift import Lift, make_lift
from lieham.neighbors import MonteCarlo, MonteCarloSettings
from lieham.nn import BLOCKS, LieResNet, NetworkSettings
from lieham.typing import Float, Tensor

MEASURED = 200
"""Clouds on which units, scales and radii are measured."""


SAMPLED = {"kind": "sampled", "samples": 1, "bodies": 1024}
"""What the lift "sampled" means for clouds: one element a point, as in the paper's tables."""


class CloudModel(nn.Module, ABC):
    """A LieResNet on clouds in units ℓ of length: (k clouds) → (k, out); for any weights invariant under `group`.

    Args:
        group: a name such as "SE(2)", "T(3)", "R*SO(2)", "Trivial(2)", or a Group.
        features: channels of a point.
        width: channels before the first block; the convolutions run on a quarter of them.
        blocks: how many.
        block: "paper" or "gated".
        lift: "point", "coset", "edge" (without neighbourhoods), "sampled" (not exact; one element a point), a Lift, or
            its settings; by default point or coset, whichever the group allows, the latter with a point's pair with
            itself: else what surrounds a point never meets what it is.
        most: neighbours of a point at most, chosen at random in a ball or the nearest; 0 for all pairs.
        fill: share of a cloud that the first block's balls hold; see `neighbors.MonteCarloSettings`.
        keep: share of the points left after all blocks.
        nearest: the nearest neighbours, not random ones.
        alpha: weight of a distance along the group against that across its orbits.
        growth: channels after all blocks over those before.
        norm: batch normalisation; in eval a cloud's output does not depend on its batch mates.
        mean: mean over the points in place of the sum.
        kernel_dim: outputs of a kernel.
        dtype: of the weights.
        seed: of the initial weights.

    Raises InputError on an unknown group, lift or block, and on sizes out of range.
    """

    length: Tensor
    calibrated: Tensor
    outputs: int

    def __init__(
        self,
        group: str | Group,
        features: int = 1,
        *,
        width: int = 64,
        blocks: int = 4,
        block: str = "paper",
        lift: str | Lift | dict | None = None,
        most: int = 0,
        fill: float = 1.0,
        keep: float = 1.0,
        nearest: bool = False,
        alpha: float = 0.5,
        growth: float = 1.0,
        norm: bool = True,
        mean: bool = True,
        kernel_dim: int = 16,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ):
        super().__init__()
        sizes = {"features": features, "width": width, "blocks": blocks, "kernel_dim": kernel_dim}
        for name, value in sizes.items():
            least = 4 if name == "width" else 1
            if value < least:
                raise expected(name, f"at least {least}", value)
        if most == 0 and (keep < 1 or fill < 1):
            raise InputError(f"most must be positive where points are left out, got 0 with keep={keep}, fill={fill}")
        if growth < 1:
            raise expected("growth", "at least 1", growth)
        check_choice("block", block, tuple(BLOCKS))
        declared = make_group(group)
        if lift in (None, ""):
            lift = {"kind": "coset", "own": True} if most == 0 and not declared.acts_freely else None
        lift = make_lift(SAMPLED if lift == "sampled" else lift, declared)
        near = {"most": most, "fill": fill, "keep": keep, "nearest": nearest, "alpha": alpha}
        neighbors = MonteCarlo(lift, blocks, MonteCarloSettings(**near)) if most else None
        plain = {"growth": growth, "norm": norm, "mean": mean, "kernel_dim": kernel_dim}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = NetworkSettings(width, blocks, BLOCKS[block], **plain)
            self.network = LieResNet(lift, features, self.outputs, network, neighbors)
            for own in self.network.blocks:
                own.conv.kernel.mlp[-1].reset_parameters()
        self.bias = nn.Parameter(torch.zeros(self.outputs))
        self.register_buffer("length", torch.ones(()))
        self.register_buffer("calibrated", torch.zeros((), dtype=torch.bool))
        self.config = {"group": declared.name, **sizes, "block": block, "lift": lift.settings, **near, **plain}
        self.to(dtype)

    @property
    def group(self) -> Group:
        """The declared symmetry."""
        return self.network.lift.group

    @property
    def exact(self) -> bool:
        """Whether the group's motions leave the outputs unchanged to round-off, not on average alone."""
        return self.network.lift.exact

    @torch.no_grad()
    def calibrate(self, data: PointClouds) -> None:
        """Measure on training clouds, the first time it is called: ℓ, the root mean square distance of two points, the
        lift's scales and the radii of the neighbourhoods."""
        if bool(self.calibrated):
            return
        some = data[:MEASURED]
        points, mask = some.points, some.mask
        n = points.shape[-2]
        if n > 1 and keeps_form_in_other_units(self.group):
            real = (mask[:, :, None] & mask[:, None]) & ~torch.eye(n, dtype=torch.bool, device=mask.device)
            apart = torch.cdist(points, points)[real].square()
            if bool(apart.any()):
                self.length.copy_(apart.mean().sqrt())
        self.network.lift.calibrate(points.unsqueeze(1), mask, self.length)
        self.network.neighbors.calibrate(self.network.lift, points / self.length, mask)
        self._measure(data)
        self.calibrated.fill_(True)

    def _measure(self, data: PointClouds) -> None:
        """What else a head measures."""

    def check(self, data: PointClouds) -> None:
        """Raise InputError unless the clouds are of the kind that the model takes."""
        for name, value, wanted in (
            ("d", data.dim, self.group.space_dim),
            ("features", data.features.shape[-1], self.config["features"]),
        ):
            if value != wanted:
                raise expected(f"{name} of the clouds", f"{wanted} as in the model", value)
        self._check_targets(data.targets)

    @abstractmethod
    def _check_targets(self, targets: Tensor) -> None:
        """Raise InputError unless these can be learned."""

    def forward(self, clouds: PointClouds) -> Float[Tensor, "k o"]:
        """The head's outputs, before its units."""
        return self.network(clouds.points / self.length, clouds.features, clouds.mask) + self.bias

    @abstractmethod
    def loss(self, clouds: PointClouds) -> Float[Tensor, ""]:
        """What training minimises: the mean over the clouds."""

    @abstractmethod
    def predict(self, clouds: PointClouds) -> Tensor:
        """What the model says of each cloud, (k,)."""
