"""LieConv: a convolution over pairs of lifted points, with the generalised PointConv trick."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import silu

from lieham.lift import Lift, Pairs
from lieham.typing import Float, Tensor


class Kernel(nn.Module):
    """k = W a + U e + MLP(e), of the pair coordinates a and their embedding e: (*pairs, ·) → (*pairs, out).

    The linear skip W holds the polynomial laws (springs) exactly. U and the swish network begin at zero, so
    training begins with W alone, whose problem is far better conditioned. W, U and the network's last weights are
    one matrix θ, k = θᵀ `functions`, which least squares finds where the energy is linear in it.
    """

    def __init__(self, coordinate_dim: int, embedding_dim: int, hidden: int, out: int):
        super().__init__()
        self.skip = nn.Linear(coordinate_dim, out, bias=False)
        self.wide = nn.Linear(embedding_dim, out, bias=False)
        self.mlp = nn.Sequential(nn.Linear(embedding_dim, hidden), nn.SiLU(), nn.Linear(hidden, out))
        nn.init.zeros_(self.wide.weight)
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    def forward(self, pairs: Pairs) -> Tensor:
        return self.skip(pairs.coordinates) + self.wide(pairs.embedding) + self.mlp(pairs.embedding)

    def functions(self, pairs: Pairs) -> Float[Tensor, "*pairs f"]:
        """(a, e, the network's last hidden layer), of which the outputs are linear combinations but for a constant."""
        return torch.cat([pairs.coordinates, pairs.embedding, self.mlp[:-1](pairs.embedding)], -1)

    def order(self, lift: Lift) -> Float[Tensor, " f"]:
        """How late each of `functions` is to be tried: coordinates, then the lift's own order, then hidden layer."""
        order = lift.order().to(self.skip.weight.device)
        hidden = order.max().expand(self.mlp[-1].in_features) + 1
        return torch.cat([order.new_zeros(self.skip.in_features), order, hidden])

    def linear(self) -> tuple[Tensor, Tensor, Tensor]:
        """The weights of `functions`, (out, ·) each, in their order."""
        return self.skip.weight, self.wide.weight, self.mlp[-1].weight


def evaluated(kernels: Sequence[Kernel], pairs: Pairs) -> Float[Tensor, "l *pairs k"]:
    """The outputs of several kernels of the same sizes on the same pairs: three products for all, not for each."""
    if len(kernels) == 1:
        return kernels[0](pairs).unsqueeze(0)
    e = pairs.embedding.flatten(0, -2).expand(len(kernels), -1, -1)
    a = pairs.coordinates.flatten(0, -2).expand(len(kernels), -1, -1)
    first, last = ([k.mlp[i] for k in kernels] for i in (0, -1))
    hidden = silu(torch.baddbmm(_biases(first), e, _weights(first)))
    out = torch.baddbmm(_biases(last), hidden, _weights(last))
    out = out + e @ _weights([k.wide for k in kernels]) + a @ _weights([k.skip for k in kernels])
    return out.unflatten(1, pairs.embedding.shape[:-1])


def _weights(layers: Sequence[nn.Module]) -> Float[Tensor, "l i o"]:
    return torch.stack([x.weight for x in layers]).mT


def _biases(layers: Sequence[nn.Module]) -> Float[Tensor, "l 1 o"]:
    return torch.stack([x.bias for x in layers]).unsqueeze(1)


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
