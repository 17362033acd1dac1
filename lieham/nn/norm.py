"""Batch normalisation that padded points have no part in."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import batch_norm

from lieham.typing import Bool, Float, Tensor


class MaskedBatchNorm(nn.Module):
    """(x − μ)/√(σ² + ε) γ + β, channel by channel, μ and σ² over the real points of a batch: (*batch, n, c) → same,
    and 0 where a point is padding.

    In eval μ and σ² are the running averages of training, so a cloud's output does not depend on its batch mates
    (Ioffe and Szegedy 2015, arXiv 1502.03167).
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5):
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*#batch n"]) -> Tensor:
        if bool(mask.all()):
            return self._normed(x.flatten(0, -2)).view_as(x)
        real = mask.expand(x.shape[:-1])
        return torch.zeros_like(x).masked_scatter(real[..., None], self._normed(x[real]))

    def _normed(self, rows: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
        """Of real points alone; a single one has no variance, and is judged by the running averages."""
        training = self.training and len(rows) > 1
        affine = (self.weight, self.bias, training, self.momentum, self.epsilon)
        return batch_norm(rows, self.mean, self.variance, *affine)
