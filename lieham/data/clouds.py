"""This module holds clouds of points with a target to predict for each: images on a grid, or molecules of atoms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from lieham.data.dataset import SPLITS
from lieham.data.provenance import Provenance
from lieham.errors import InputError, check_offers, expected
from lieham.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class PointClouds:
    """A batch that holds k clouds of n points in d dimensions, with c features a point and one target a cloud.

    Build it with `PointClouds.of`, which validates.

    Args:
        points: positions (k, n, d), or (1, n, d) where all clouds share one grid.
        features: the features that each point carries, (k, n, c).
        mask: the padding mask (k, n), or (1, n) for a grid: True where a point is real.
        targets: the values to predict, (k,): int64 for classes, floating for numbers.

    Example:
        >>> import torch
        >>> clouds = PointClouds.of(torch.rand(4, 5, 3), torch.ones(4, 5, 1), torch.zeros(4))
        >>> len(clouds), clouds.dim, clouds.on_grid, len(clouds[:2])
        (4, 3, False, 2)
    """

    points: Float[Tensor, "#k n d"]
    features: Float[Tensor, "k n c"]
    mask: Bool[Tensor, "#k n"]
    targets: Tensor

    @classmethod
    def of(cls, points: Tensor, features: Tensor, targets: Tensor, mask: Tensor | None = None) -> PointClouds:
        """Validate clouds and build a batch of them; padded points and their features become 0.

        Args:
            points: (k, n, d), or (1, n, d) for one grid.
            features: (k, n, c); c may be 0.
            targets: (k,), int64 for classes, floating for numbers.
            mask: the padding mask, True where a point is real, (k, n) like points; None if all points are real.

        Returns:
            The batch.

        Raises:
            InputError: shapes do not fit, values are not finite, or a cloud has no point.
        """
        for name, x in (("points", points), ("features", features), ("targets", targets)):
            check_offers(name, x, "a tensor, which torch.as_tensor makes of an array or a list", ("is_floating_point",))
        if features.ndim != 3:
            raise expected("features", "of shape (clouds, n, c)", tuple(features.shape))
        k, n = features.shape[:2]
        if points.ndim != 3 or points.shape[0] not in (1, k) or points.shape[1] != n:
            raise expected("points", f"of shape ({k}, {n}, d) or (1, {n}, d) like features", tuple(points.shape))
        mask = points.new_ones(points.shape[:2], dtype=torch.bool) if mask is None else mask
        if mask.shape != points.shape[:2] or mask.dtype != torch.bool:
            raise expected("mask", f"bool of shape {tuple(points.shape[:2])} like points", _shape(mask))
        if targets.shape != (k,):
            raise expected("targets", f"of shape ({k},), one a cloud", tuple(targets.shape))
        if not bool(mask.any(-1).all()):
            raise expected("mask", "True for at least one point of each cloud", "a cloud without points")
        points = torch.where(mask[..., None], points, torch.zeros_like(points))
        features = torch.where(mask[..., None], features, torch.zeros_like(features))
        for name, x in (("points", points), ("features", features), ("targets", targets)):
            if not bool(torch.isfinite(x).all()):
                raise InputError(f"{name} must be finite, got {int((~torch.isfinite(x)).sum())} values that are not")
        return cls(points, features, mask, targets)

    @property
    def dim(self) -> int:
        """Return the dimension d of space."""
        return self.points.shape[-1]

    @property
    def on_grid(self) -> bool:
        """Return True if several clouds share their points."""
        return self.points.shape[0] == 1 != len(self)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: slice | Int[Tensor, " batch"]) -> PointClouds:
        """Return the clouds at a slice or at these indices, without the columns that are padding in all of them."""
        index = index if isinstance(index, slice) else index.to(self.features.device)
        if self.points.shape[0] == 1:
            return PointClouds(self.points, self.features[index], self.mask, self.targets[index])
        mask = self.mask[index]
        used = int(mask.any(0).nonzero().max()) + 1 if mask.any() else 0
        points, features = self.points[index, :used], self.features[index, :used]
        return PointClouds(points, features, mask[:, :used], self.targets[index])

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> PointClouds:
        """Return clouds with all tensors moved to a device, and the floating ones cast to a dtype."""
        targets = self.targets.to(device, dtype) if self.targets.is_floating_point() else self.targets.to(device)
        points, features = self.points.to(device, dtype), self.features.to(device, dtype)
        return PointClouds(points, features, self.mask.to(device), targets)


Augmentation = Callable[[PointClouds, torch.Generator], PointClouds]
"""An augmentation is a function that takes a batch of clouds and a generator, and returns a batch of moved clouds."""


@dataclass(frozen=True)
class CloudDataset:
    """A dataset that holds clouds in up to three splits.

    Args:
        train: the clouds to learn from.
        val: the clouds that decide which weights are kept.
        test: the clouds that nothing is chosen by.
        provenance: where the data come from, what the targets are, and in which unit.
        augment: a function that is applied to every training batch, and never to the other splits.

    Raises:
        InputError: the splits differ in dimension, in features or in the kind of their targets, or all are absent.

    Example:
        >>> import torch
        >>> clouds = PointClouds.of(torch.rand(4, 5, 3), torch.ones(4, 5, 1), torch.tensor([0, 1, 0, 1]))
        >>> CloudDataset(train=clouds, provenance=Provenance(classes=2))
        CloudDataset(train=4)
    """

    kind: ClassVar[str] = "clouds"
    train: PointClouds | None = None
    val: PointClouds | None = None
    test: PointClouds | None = None
    provenance: Provenance = field(default_factory=Provenance)
    augment: Augmentation | None = None

    def __post_init__(self) -> None:
        if not self.splits:
            raise InputError("a dataset must have at least one split with clouds, got none")
        first = next(iter(self.splits.values()))
        for name, split in self.splits.items():
            check_offers(name, split, "PointClouds, as PointClouds.of makes", ("points", "features", "targets"))
            for what, value, wanted in (
                ("d", split.dim, first.dim),
                ("features", split.features.shape[-1], self.n_features),
                ("targets", split.targets.dtype, first.targets.dtype),
            ):
                if value != wanted:
                    raise expected(f"{what} of {name}", f"{wanted} like the other splits", value)

    @property
    def splits(self) -> dict[str, PointClouds]:
        """Return the splits that are there, by name."""
        return {name: x for name in SPLITS if (x := getattr(self, name)) is not None}

    def with_provenance(self, **changes: object) -> CloudDataset:
        """Return the same clouds, with fields or settings of their provenance replaced or added."""
        return replace(self, provenance=self.provenance.updated(**changes))

    @property
    def n_features(self) -> int:
        """Return the number of features of a point."""
        return next(iter(self.splits.values())).features.shape[-1]

    def __repr__(self) -> str:
        return f"CloudDataset({', '.join(f'{name}={len(x)}' for name, x in self.splits.items())})"


def _shape(x: Tensor) -> str:
    return f"{x.dtype} of shape {tuple(x.shape)}"
