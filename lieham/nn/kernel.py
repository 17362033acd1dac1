"""The kernel of a LieConv: functions of a pair, and their linear combinations."""

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
