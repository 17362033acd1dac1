"""`LieConvRegressor` predicts a number for every cloud of points."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from lieham.data.clouds import PointClouds
from lieham.errors import expected
from lieham.groups import Group
from lieham.models.cloud import CloudModel
from lieham.typing import Float, Tensor


class LieConvRegressor(CloudModel):
    """A model that predicts a number for every cloud of points, ŷ = s·f̄ + median + MAD · output.

    Its loss is |ŷ − y|/MAD. f̄ are the features summed over the points, or their mean with `mean`, and s are the
    coefficients of a least-squares fit of f̄ to the training targets: for molecules, the energies of atoms. The median,
    and MAD, the mean absolute deviation from it, are those of the residuals of that fit, so the network begins from the
    linear model. `mean=False` is for extensive targets.

    Args:
        group: the declared symmetry, a name or a Group.
        features: the number of channels of a point.
        settings: `config` and single settings, as `CloudModel` takes them.

    Raises:
        InputError: where `CloudModel` raises it.

    Example:
        >>> import torch, lieham
        >>> clouds = lieham.PointClouds.of(torch.rand(4, 9, 3), torch.rand(4, 9, 1), torch.rand(4))
        >>> lieham.LieConvRegressor("SE(3)", 1, width=8).predict(clouds).shape
        torch.Size([4])
    """

    outputs = 1
    metric: ClassVar[str] = "mae"
    slope: Tensor
    median: Tensor
    mad: Tensor

    def __init__(self, group: str | Group, features: int = 1, **settings: Any):
        super().__init__(group, features, **settings)
        for name, size in (("slope", (features,)), ("median", ()), ("mad", ())):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64, device=self.length.device))
        self.mad.fill_(1.0)

    def _pooled(self, clouds: PointClouds) -> Float[Tensor, "k c"]:
        total = clouds.features.double().sum(-2)
        return total / clouds.mask.sum(-1, keepdim=True) if self.network.mean else total

    def _calibrate_head(self, data: PointClouds) -> None:
        pooled, targets = self._pooled(data), data.targets.double()
        inverse = torch.linalg.pinv(pooled - pooled.mean(0), rtol=1e-6)
        self.slope.copy_(inverse @ (targets - targets.mean()))
        left = targets - pooled @ self.slope.double()
        self.median.copy_(left.median())
        deviation = (left - left.median()).abs().mean()
        self.mad.copy_(torch.where(deviation > 0, deviation, torch.ones_like(deviation)))

    def _check_targets(self, targets: Tensor) -> None:
        if not targets.is_floating_point():
            raise expected("targets", "floating numbers", f"{targets.dtype}")

    def _linear(self, clouds: PointClouds) -> Float[Tensor, " k"]:
        return self._pooled(clouds) @ self.slope.double() + self.median.double()

    def loss(self, clouds: PointClouds) -> Tensor:
        wanted = (clouds.targets.double() - self._linear(clouds)) / self.mad
        return (self(clouds)[..., 0] - wanted.to(self.bias.dtype)).abs().mean()

    def deviation(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return |predicted − target|, in the unit of the targets."""
        return (predicted - targets).abs()

    def predict(self, clouds: PointClouds) -> Float[Tensor, " k"]:
        """Return ŷ for each cloud, in the unit of the training targets."""
        return self._linear(clouds) + self.mad.double() * self(clouds)[..., 0].double()
