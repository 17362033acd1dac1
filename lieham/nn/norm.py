"""Batch normalisation that padded points have no part in."""

from __future__ import annotations

import torch
from torch import nn

from lieham.typing import Bool, Float, Tensor


class MaskedBatchNorm(nn.Module):
    """(x − μ)/√(σ² + ε) γ + β, channel by channel, μ and σ² over the real points of a batch: (*batch, n, c) → same.

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
        mean, variance = self._measured(x, mask) if self.training else (self.mean, self.variance)
        scale = self.weight * (variance + self.epsilon).rsqrt()
        return x * scale + (self.bias - mean * scale)

    def _measured(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of this batch; the running averages follow."""
        real = mask[..., None].to(x.dtype).expand(*x.shape[:-1], 1)
        count = real.sum()
        over = tuple(range(x.ndim - 1))
        mean = (x * real).sum(over) / count
        variance = ((x - mean).square() * real).sum(over) / count
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance * (count / (count - 1).clamp(min=1)), self.momentum)
        return mean, variance
