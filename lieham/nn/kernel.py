"""The kernel of a LieConv consists of functions of a pair and their linear combinations."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import cast

import torch
from torch import nn
from torch.nn.functional import silu

from lieham.lift import Lift, Pairs
from lieham.typing import Float, Tensor


class Kernel(nn.Module):
    """A kernel that maps a pair to K = W a + U e + MLP(e), with a its coordinates and e their embedding.

    The linear skip W represents polynomial laws (springs) exactly. U and the swish network begin at zero, so training
    begins with W alone, whose problem is far better conditioned. W, U and the network's last weights form one matrix
    θ, K = θᵀ `functions`, which least squares finds where the energy is linear in it.

    Args:
        coordinate_dim: the number of coordinates of a pair.
        embedding_dim: the number of functions in their embedding.
        hidden: the width of the swish network.
        out: the number of outputs.
    """

    def __init__(self, coordinate_dim: int, embedding_dim: int, hidden: int, out: int):
        super().__init__()
        self.skip = nn.Linear(coordinate_dim, out, bias=False)
        self.wide = nn.Linear(embedding_dim, out, bias=False)
        self.mlp = nn.Sequential(nn.Linear(embedding_dim, hidden), nn.SiLU(), nn.Linear(hidden, out))
        nn.init.zeros_(self.wide.weight)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    @property
    def first(self) -> nn.Linear:
        """Return the first layer of the swish network."""
        return cast("nn.Linear", self.mlp[0])

    @property
    def last(self) -> nn.Linear:
        """Return the last layer of the swish network."""
        return cast("nn.Linear", self.mlp[-1])

    def forward(self, pairs: Pairs) -> Tensor:
        """Return the outputs K on every stored pair, (*pairs, out)."""
        return self.skip(pairs.coordinates) + self.wide(pairs.embedding) + self.mlp(pairs.embedding)

    def functions(self, pairs: Pairs) -> Float[Tensor, "*pairs f"]:
        """Return the functions of a pair: its coordinates, its embedding, and the last hidden layer.

        Up to a constant, the kernel's outputs are linear combinations of them.
        """
        return self.functions_of(pairs.coordinates, pairs.embedding)

    def functions_of(
        self, coordinates: Float[Tensor, "*pairs k"], embedding: Float[Tensor, "*pairs e"]
    ) -> Float[Tensor, "*pairs f"]:
        """Return the `functions` of pairs with these coordinates and embeddings."""
        return torch.cat([coordinates, embedding, self.mlp[:-1](embedding)], -1)

    def rank(self, lift: Lift) -> Float[Tensor, " f"]:
        """Return the rank in which cross-validation adds the `functions`, lowest first.

        It is 0 for the coordinates, `Lift.rank` for the embedding, and the greatest for the hidden layer.
        """
        rank = lift.rank().to(self.skip.weight.device)
        hidden = rank.max().expand(self.last.in_features) + 1
        return torch.cat([rank.new_zeros(self.skip.in_features), rank, hidden])

    def width(self, lift: Lift) -> Float[Tensor, " f"]:
        """Return the width of the `functions`, in the network's unit of length: see `Lift.width`.

        It is infinite for the coordinates, and 0 for the hidden layer, which is made of all the embedding.
        """
        own = lift.width().to(self.skip.weight.device)
        plain, hidden = (own.new_full((layer.in_features,), x) for layer, x in ((self.skip, inf), (self.last, 0.0)))
        return torch.cat([plain, own, hidden])

    def linear(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weights of `functions` in their order, as three matrices of shape (out, ·)."""
        return self.skip.weight, self.wide.weight, self.last.weight

    @torch.no_grad()
    def write(self, theta: Float[Tensor, "f out"]) -> None:
        """Write the weights of `functions`; the constant, which no force shows, becomes 0."""
        weights = self.linear()
        for weight, part in zip(weights, theta.mT.split([x.shape[1] for x in weights], 1), strict=True):
            weight.copy_(part)
        self.last.bias.zero_()


def evaluated(kernels: Sequence[Kernel], pairs: Pairs) -> Float[Tensor, "l *pairs k"]:
    """Return the outputs of several kernels on the same pairs; batched products serve all kernels at once.

    Args:
        kernels: kernels of the same sizes.
        pairs: the pairs.
    """
    if len(kernels) == 1:
        return kernels[0](pairs).unsqueeze(0)
    e = pairs.embedding.flatten(0, -2).expand(len(kernels), -1, -1)
    a = pairs.coordinates.flatten(0, -2).expand(len(kernels), -1, -1)
    first, last = [k.first for k in kernels], [k.last for k in kernels]
    hidden = silu(torch.baddbmm(_biases(first), e, _weights(first)))
    out = torch.baddbmm(_biases(last), hidden, _weights(last))
    out = out + e @ _weights([k.wide for k in kernels]) + a @ _weights([k.skip for k in kernels])
    return out.unflatten(1, pairs.embedding.shape[:-1])


def _weights(layers: Sequence[nn.Linear]) -> Float[Tensor, "l i o"]:
    return torch.stack([x.weight for x in layers]).mT


def _biases(layers: Sequence[nn.Linear]) -> Float[Tensor, "l 1 o"]:
    return torch.stack([x.bias for x in layers]).unsqueeze(1)
