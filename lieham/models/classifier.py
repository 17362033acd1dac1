"""`LieConvClassifier` predicts a class for every cloud of points."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from lieham.data.clouds import PointClouds
from lieham.errors import check_integer, expected
from lieham.groups import Group
from lieham.models.cloud import CloudModel
from lieham.typing import Int, Tensor


class LieConvClassifier(CloudModel):
    """A model that gives every cloud of points a score for each class; its loss is the cross-entropy.

    Args:
        group: the declared symmetry, a name or a Group.
        features: the number of channels of a point.
        classes: the number of classes, at least 2.
        settings: `config` and single settings, as `CloudModel` takes them.

    Raises:
        InputError: if there are fewer than 2 classes, and where `CloudModel` raises it.

    Example:
        >>> import torch, lieham
        >>> clouds = lieham.PointClouds.of(torch.rand(4, 9, 2), torch.rand(4, 9, 1), torch.tensor([0, 1, 2, 1]))
        >>> lieham.LieConvClassifier("SO(2)", 1, classes=3, width=8)(clouds).shape
        torch.Size([4, 3])
    """

    metric: ClassVar[str] = "error"

    def __init__(self, group: str | Group, features: int = 1, classes: int = 10, **settings: Any):
        check_integer("classes", classes)
        classes = int(classes)
        if classes < 2:
            raise expected("classes", "at least 2", classes)
        self.outputs = classes
        super().__init__(group, features, **settings)
        self.config["classes"] = classes

    def _check_targets(self, targets: Tensor) -> None:
        if targets.is_floating_point():
            raise expected("targets", "whole numbers, the classes", f"{targets.dtype}")
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < self.outputs:
            raise expected("targets", f"in 0 to {self.outputs - 1}", f"{int(targets.min())} to {int(targets.max())}")

    def loss(self, clouds: PointClouds) -> Tensor:
        return nn.functional.cross_entropy(self(clouds), clouds.targets)

    def deviation(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return True for each predicted class that is wrong."""
        return predicted != targets

    def predict(self, clouds: PointClouds) -> Int[Tensor, " k"]:
        """Return the class with the highest score for each cloud."""
        return self(clouds).argmax(-1)
