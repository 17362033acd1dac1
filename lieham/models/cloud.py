"""Models of images and molecules are a LieResNet with a head that predicts a class or a number for each cloud."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import nn

from lieham._support.settings import changed
from lieham.data.clouds import PointClouds
from lieham.errors import check_choice, check_integer, expected
from lieham.groups import Group, make_group
from lieham.groups.algebra import keeps_form_in_other_units
from lieham.lift import Lift, TensorLift, make_lift
from lieham.models.config import CloudModelConfig
from lieham.models.precision import FloatModule
from lieham.neighbors import MonteCarlo, MonteCarloSettings
from lieham.nn import BLOCKS, CloudNetwork, LieResNet, NetworkSettings, TensorResNet
from lieham.nn.tensor_resnet import ORDER
from lieham.typing import Float, Tensor

MEASURED = 200
"""Units, scales and radii are measured on at most this many clouds."""


SAMPLED = {"kind": "sampled", "samples": 1, "bodies": 1024}
"""For clouds, the lift "sampled" has these settings: one element for each point, as in the paper's tables."""


class CloudModel(FloatModule, ABC):
    """A model that applies a LieResNet, or a TensorResNet, to clouds: k clouds → (k, out).

    For any weights its outputs are invariant under `group`.

    Args:
        group: a name such as "SE(2)", "E(3)", "T(3)", "R*SO(2)", "Trivial(2)", or a Group.
        features: the number of channels of a point.
        config: the architecture, see `CloudModelConfig`. Where its lift is empty, it is `tensor` for SE(d) and E(d) in
            the plane and in space, else point or coset, whichever the group allows. The coset lift then marks a point's
            pair with itself, without which a point's own features would never be combined with those of its
            surroundings. Where `mean` is None, the mean over the points is taken.
        settings: single settings of `CloudModelConfig`, in place of those of `config`. `lift` may also be a Lift, and
            `dtype` a torch.dtype.

    Raises:
        InputError: if the group, the lift or the block is unknown, or if a size is out of range.
    """

    learns_from: ClassVar[str] = "clouds"
    length: Tensor
    calibrated: Tensor
    outputs: int
    metric: ClassVar[str]
    """This is the name of the mean of `deviation`."""

    def __init__(self, group: str | Group, features: int = 1, config: CloudModelConfig | None = None, **settings: Any):
        super().__init__()
        if "dtype" in settings:
            settings["dtype"] = str(settings["dtype"]).removeprefix("torch.")
        named = settings.get("lift") or ""
        given = None if isinstance(named, (str, dict)) else settings.pop("lift")  # a Lift, which no config can hold
        own = changed(config or CloudModelConfig(), settings | ({"lift": named} if "lift" in settings else {}))
        check_integer("features", features)
        features = int(features)
        if features < 1:
            raise expected("features", "at least 1", features)
        check_choice("block", own.block, tuple(BLOCKS))
        declared = make_group(group)
        lift = make_lift(given or _lift(own, declared), declared)
        if not lift.sees_pairs and own.block != "paper":
            raise expected("block", "paper with the lift tensor, which has blocks of its own", own.block)
        near = {name: getattr(own, name) for name in ("most", "fill", "keep", "nearest", "alpha")}
        plain = {name: getattr(own, name) for name in ("growth", "norm", "kernel_dim")}
        plain["mean"] = own.mean is not False
        neighbors = MonteCarlo(lift, own.blocks, MonteCarloSettings(**near)) if own.most else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(own.seed)
            network = NetworkSettings(own.width, own.blocks, BLOCKS[own.block], **plain)
            kind = LieResNet if lift.sees_pairs else TensorResNet
            self.network: CloudNetwork = kind(lift, features, self.outputs, network, neighbors)
            for kernel in self.network.kernels:
                kernel.last.reset_parameters()
        self.bias = nn.Parameter(torch.zeros(self.outputs))
        self.register_buffer("length", torch.ones(()))
        self.register_buffer("calibrated", torch.zeros((), dtype=torch.bool))
        sizes = {"features": features, "width": own.width, "blocks": own.blocks, "block": own.block}
        self.config: dict[str, object] = {"group": declared.name, **sizes, "lift": lift.settings, **near, **plain}
        self.to(getattr(torch, own.dtype))

    @property
    def group(self) -> Group:
        """Return the declared symmetry."""
        return self.network.lift.group

    @property
    def exact(self) -> bool:
        """True where the group's motions leave the outputs unchanged to round-off, and not on average alone."""
        return self.network.lift.exact

    @torch.no_grad()
    def calibrate(self, data: PointClouds) -> None:
        """Measure the model's units on training clouds, the first time that this is called.

        These are ℓ, the root mean square distance of two points, the lift's scales and the radii of the
        neighbourhoods.
        """
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
        """Measure the further numbers on which a head depends; by default there are none."""

    @torch.no_grad()
    def recalibrate_norms(self, batches: Iterable[PointClouds]) -> None:
        """Set the norms' running averages to the averages over batches of training clouds, with the present weights.

        The running averages of training lag behind and belong to earlier weights, and a channel that hardly varies
        magnifies that error without bound.
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
        """Replace the random draws of the lift and of the neighbourhoods by new ones."""
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
        """Raise InputError unless the model can learn these targets."""

    def forward(self, clouds: PointClouds) -> Float[Tensor, "k o"]:
        """Return the network's outputs, before the head converts them to the units of the targets."""
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
    """Return the first argument of `make_lift` for this config and group."""
    if config.lift == "sampled":
        return SAMPLED
    if config.lift not in (None, ""):
        return config.lift
    if group.rigid and group.space_dim in ORDER and config.block == "paper":
        return TensorLift.kind
    return {"kind": "coset", "own": True} if config.most == 0 and not group.acts_freely else None
