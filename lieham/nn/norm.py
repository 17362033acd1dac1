"""`MaskedBatchNorm` normalizes batches in which padded points are ignored."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import batch_norm

from lieham.typing import Bool, Float, Tensor


class MaskedBatchNorm(nn.Module):
    """A layer that maps each channel x ↦ (x − μ)/√(σ² + ε) γ + β, with mean μ and variance σ² over real points.

    Padded points become 0. In training μ and σ² are those of the batch. In eval mode they are the running averages of
    training, so a cloud's output does not depend on its batch mates. Ioffe and Szegedy 2015, arXiv 1502.03167.

    Args:
        channels: the number of channels.
        momentum: the weight of a batch in the running averages.
        epsilon: the number ε that is added to the variance.
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
        """Return the normalized values; in training, update the running averages.

        Args:
            x: the channels of the points.
            mask: the padding mask.
        """
        if bool(mask.all()):
            return self._normed(x.flatten(0, -2)).view_as(x)
        real = mask.expand(x.shape[:-1])
        return torch.zeros_like(x).masked_scatter(real[..., None], self._normed(x[real]))

    def _normed(self, rows: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
        """Normalize the real points. With one row the running averages are used, since its variance is undefined."""
        training = self.training and len(rows) > 1
        affine = (self.weight, self.bias, training, self.momentum, self.epsilon)
        return batch_norm(rows, self.mean, self.variance, *affine)
