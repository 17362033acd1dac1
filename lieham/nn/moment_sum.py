"""For given bodies, a `MomentNet` is a function of positions, the coefficients of which are ordered once."""

from __future__ import annotations

from typing import Any

import torch

from lieham._support.numerics import check_precision
from lieham.nn.invariants import Terms, as_matrix, weighed
from lieham.nn.moment_gradient import moment_gradient
from lieham.nn.moments import largest_rank, moments
from lieham.typing import Bool, Float, Tensor

CLOUDS = 16
"""Gradients are taken of so many clouds at a time, whose products fit into the cache."""


class MomentSum:
    """A callable that evaluates a network V = Σ_i Σ_fb θ_fb g_f(i) B_b(i) without forming its terms one by one.

    Terms that share all moments but the last are summed, with their coefficients, before that one is multiplied: for
    each kind of contraction this is one product of matrices.

    Args:
        network: a `MomentNet`; it is not copied.
        drop: True to skip terms whose coefficients are all 0. This looks at their values, and they then get no
            gradient.
    """

    def __init__(self, network: Any, drop: bool = False):
        self.network = network
        theta = network.coefficients()
        first, *each = theta.split([network.plain_count, *(len(x.channels) for x in network.terms)])
        self.kinds: list[Terms] = []
        own = []
        for kind, part in zip(network.terms, each, strict=True):
            kept = part.detach().any(1) if drop else torch.ones(len(part), dtype=torch.bool, device=part.device)
            if not drop or bool(kept.all()):
                self.kinds.append(kind)
                own.append(part)
            elif bool(kept.any()):
                self.kinds.append(kind.where(kept.cpu().numpy()))
                own.append(part[kept])
        self.theta = [first.mT, *(as_matrix(x, y) for x, y in zip(self.kinds, own, strict=True))]
        self.rank = largest_rank(self.kinds)
        self.degree = max((network.degree(x) for x in self.kinds), default=1)
        shape = tuple(x.channels.tobytes() for x in self.kinds) if drop else None
        self.key = (network, shape)

    def __eq__(self, other: object) -> bool:
        return self.key == getattr(other, "key", None)

    def __hash__(self) -> int:
        return hash(self.key)

    def tensors(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> tuple[Tensor, ...]:
        """Return what a call takes beside the positions: mask, factors of the bodies, and coefficients.

        Args:
            features: mass and features in their units.
            mask: the padding mask.
        """
        return mask, self.network.given(features) * mask[..., None], *self.theta

    def __call__(
        self,
        points: Float[Tensor, "*batch n d"],
        unit: Float[Tensor, ""],
        mask: Bool[Tensor, "*#batch n"],
        factors: Float[Tensor, "*#batch n f"],
        *theta: Tensor,
    ) -> Float[Tensor, "*batch"]:
        """Return the network's output at points / unit.

        Args:
            points: positions.
            unit: the model's unit of length.
            mask: the padding mask.
            factors: the factors of the bodies, 0 for padding.
            theta: the coefficients of the functions of two bodies, and of each kind of terms.
        """
        x, mask, factors = self._flat(points, unit, mask, factors)
        found = moments(self.network.lift.neighborhood(x, mask, self.degree), factors, self.rank)
        local = theta[0] @ found.plain
        for kind, own in zip(self.kinds, theta[1:], strict=True):
            local = local + weighed(found.tensors, kind, own, x.shape[-1])
        total = (local.unflatten(-1, factors.shape[:2]) * factors.movedim(-1, 0)).sum((0, 2))
        return total.view(points.shape[:-2])

    def gradient(self, points: Tensor, unit: Tensor, mask: Tensor, factors: Tensor, *theta: Tensor) -> Tensor:
        """Return the derivative of a call by the points (`moment_gradient`), some clouds at a time."""
        x, mask, factors = self._flat(points, unit, mask, factors)
        sizes, parts = (self.degree, self.rank), zip(*(y.split(CLOUDS) for y in (x, mask, factors)), strict=True)
        found = [moment_gradient(self.network.lift, self.kinds, part, sizes, list(theta)) for part in parts]
        return (found[0] if len(found) == 1 else torch.cat(found)).view_as(points) / unit

    def _flat(self, points: Tensor, unit: Tensor, mask: Tensor, factors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the positions in the network's unit, the mask and the factors, with one batch axis."""
        check_precision("positions", points, self.network.kernel.weight)
        batch = points.shape[:-2]
        x = (points / unit).unsqueeze(0).flatten(0, -3)
        mask = mask.expand(*batch, -1).unsqueeze(0).flatten(0, -2)
        return x, mask, factors.expand(*batch, *factors.shape[-2:]).unsqueeze(0).flatten(0, -3)
