"""Image and molecule models: LieResNet with a head that tells a class or a number of a cloud of points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, cast

import torch
from torch import nn

from lieham._support.settings import changed
from lieham.data.clouds import PointClouds
from lieham.errors import check_choice, expected
from lieham.groups import Group, make_group
from lieham.groups.algebra import keeps_form_in_other_units
from lieham.lift import Lift, make_lift
from lieham.models.config import CloudModelConfig
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
        config: the architecture, see `CloudModelConfig`. Where its lift is empty, it is point or coset, whichever the
            group allows, and coset marks a point's pair with itself: else what surrounds a point never meets what it
            is. Where `mean` is None, the mean over the points is taken.
        settings: single settings of `CloudModelConfig`, in place of those of `config`. `lift` may also be a Lift, and
            `dtype` a torch.dtype.

    Raises:
        InputError: on an unknown group, lift or block, and on sizes out of range.
    """

    learns_from: ClassVar[str] = "clouds"
    length: Tensor
    calibrated: Tensor
    outputs: int
    metric: ClassVar[str]
    """What the mean of `deviation` is called."""

    def __init__(self, group: str | Group, features: int = 1, config: CloudModelConfig | None = None, **settings: Any):
        super().__init__()
        if "dtype" in settings:
            settings["dtype"] = str(settings["dtype"]).removeprefix("torch.")
        own = changed(config or CloudModelConfig(), settings)
        if features < 1:
            raise expected("features", "at least 1", features)
        check_choice("block", own.block, tuple(BLOCKS))
        declared = make_group(group)
        lift = make_lift(_lift(own, declared), declared)
        near = {name: getattr(own, name) for name in ("most", "fill", "keep", "nearest", "alpha")}
        plain = {name: getattr(own, name) for name in ("growth", "norm", "kernel_dim")}
        plain["mean"] = own.mean is not False
        neighbors = MonteCarlo(lift, own.blocks, MonteCarloSettings(**near)) if own.most else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(own.seed)
            network = NetworkSettings(own.width, own.blocks, BLOCKS[own.block], **plain)
            self.network = LieResNet(lift, features, self.outputs, network, neighbors)
            for block in self.network.layers:
                cast(nn.Linear, block.conv.kernel.mlp[-1]).reset_parameters()
        self.bias = nn.Parameter(torch.zeros(self.outputs))
        self.register_buffer("length", torch.ones(()))
        self.register_buffer("calibrated", torch.zeros((), dtype=torch.bool))
        sizes = {"features": features, "width": own.width, "blocks": own.blocks, "block": own.block}
        self.config: dict[str, object] = {"group": declared.name, **sizes, "lift": lift.settings, **near, **plain}
        self.to(getattr(torch, own.dtype))

    @property
    def group(self) -> Group:
        """The declared symmetry."""
        return self.network.lift.group

    @property
    def exact(self) -> bool:
        """True where the group's motions leave the outputs unchanged to round-off, and not on average alone."""
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
        self._calibrate_head(data)
        self.calibrated.fill_(True)

    def _calibrate_head(self, data: PointClouds) -> None:
        """Measure what else a head depends on; nothing by default."""

    @torch.no_grad()
    def recalibrate_norms(self, batches: Iterable[PointClouds]) -> None:
        """Give the norms the averages that the present weights have over some batches of training clouds.

        Those that followed the steps of training lag behind and are of other weights, which a channel that hardly
        varies magnifies without bound.
        """
        norms = self.network.norms
        momenta = [norm.momentum for norm in norms]
        self.train()
        for k, batch in enumerate(batches if norms else ()):
            for norm in norms:
                norm.momentum = 1 / (k + 1)
            self(batch)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the lift and the neighbourhoods sample."""
        self.network.redraw(generator)

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
        """Return the loss that training minimises, the mean over the clouds."""

    @abstractmethod
    def deviation(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return how far off each prediction is, (k,)."""

    @abstractmethod
    def predict(self, clouds: PointClouds) -> Tensor:
        """Return the class or the number that the model predicts for each cloud, (k,)."""


def _lift(config: CloudModelConfig, group: Group) -> str | Lift | dict | None:
    """Return what `make_lift` is to make."""
    if config.lift == "sampled":
        return SAMPLED
    if config.lift not in (None, ""):
        return config.lift
    return {"kind": "coset", "own": True} if config.most == 0 and not group.acts_freely else None
