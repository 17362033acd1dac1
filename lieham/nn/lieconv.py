"""`LieConv` convolves over pairs of lifted points, with the generalized PointConv trick."""

from __future__ import annotations

import torch
from torch import nn

from lieham.lift import Lift, Pairs
from lieham.nn.kernel import Kernel
from lieham.typing import Float, Tensor


class LieConv(nn.Module):
    """A layer that computes h_i = b + Σ_j w_ij Σ_k K_k(a_ij) W_k f_j, (*batch, n, c_in) → (*batch, n, c_out).

    By the generalized PointConv trick the convolution's matrix is a sum of `kernel_dim` fixed matrices W_k, weighted
    by the kernel's outputs K_k, so no tensor of shape (n, n, c_in, c_out) is formed. Over all pairs w is 1 and h is a
    sum: an energy is extensive, so a law that is learned from 6 bodies holds for 8. Over neighbors that are drawn, h
    is the mean (`NearPairs`). The pairs decide which of the products is formed first (`Pairs.convolve`).
    Wu, Qi, Fuxin 2019, arXiv 1811.07246; Finzi et al. 2020, arXiv 2002.12880, section 4.5.

    Args:
        c_in: the number of channels of the sources.
        c_out: the number of channels of the targets.
        lift: the lift whose pairs the kernel sees.
        hidden: the width of the kernel's network.
        kernel_dim: the number of outputs of the kernel.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> from lieham.nn import LieConv
        >>> lift = make_lift(None, make_group("T(2)"))
        >>> pairs, conv = lift(torch.randn(5, 2), torch.ones(5, dtype=torch.bool)), LieConv(3, 7, lift)
        >>> conv(pairs, torch.randn(5, 3), conv.kernel(pairs)).shape
        torch.Size([5, 7])
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
        """Return the convolution h on the targets.

        Args:
            pairs: the pairs.
            values: the channels f of the sources.
            kernel: the outputs K of the kernel.
        """
        matrices = self.linear.weight.unflatten(0, (self.kernel_dim, -1))
        return pairs.convolve(kernel, values, matrices) + self.bias
