"""LieConv: a convolution over pairs of lifted points, with the generalised PointConv trick."""

from __future__ import annotations

import torch
from torch import nn

from lieham.lift import Lift, Pairs
from lieham.nn.kernel import Kernel
from lieham.typing import Float, Tensor


class LieConv(nn.Module):
    """h_i = b + Σ_j w_ij Σ_k K_k(a_ij) W_k f_j: (*batch, n, c_in) → (*batch, n, c_out).

    The generalised PointConv trick (Wu, Qi, Fuxin 2019, arXiv 1811.07246; Finzi et al. 2020, section 4.5): the
    convolution's matrix is a sum of `kernel_dim` fixed matrices W_k weighted by the kernel network's outputs, so no
    tensor of shape (n, n, c_in, c_out) is formed. Over all pairs w is 1, a sum, since an energy is extensive, so what 6
    bodies teach holds for 8; over chosen neighbours it is the mean (`NearPairs`). Which product goes first is for the
    pairs to say (`Pairs.convolve`).
    """

    def __init__(self, c_in: int, c_out: int, lift: Lift, hidden: int = 32, kernel_dim: int = 16):
        super().__init__()
        self.kernel = Kernel(lift.coordinate_dim, lift.embedding_dim, hidden, kernel_dim)
        self.kernel_dim = kernel_dim
        self.linear = nn.Linear(c_in, kernel_dim * c_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(
        self, pairs: Pairs, values: Float[Tensor, "*#batch n c"], kernel: Float[Tensor, "*pairs k"]
    ) -> Float[Tensor, "*batch t o"]:
        """h; `kernel` are the outputs K of the kernel."""
        matrices = self.linear.weight.unflatten(0, (self.kernel_dim, -1))
        return pairs.convolve(kernel, values, matrices) + self.bias
