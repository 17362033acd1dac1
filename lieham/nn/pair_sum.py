"""For given features, a network of one block that is linear in its kernel equals a sum of functions over pairs."""

from __future__ import annotations

import torch

from lieham._support.numerics import check_precision
from lieham.lift import Pairs
from lieham.nn.resnet import LieResNet
from lieham.typing import Bool, Float, Int, Tensor


class PairSum:
    """A callable that evaluates a network as the sum over pairs that it is, V(x) = Σ_pf C_pf φ_f(pair p) + v₀.

    φ are the kernel's `functions`. In a single block that is linear in its kernel the output's derivatives by the
    kernel's outputs depend on the features alone. So C and v₀ are computed once for many positions, and each position
    then costs only φ and one product. The sum equals the `LieResNet` wherever the points are.

    Args:
        network: the network; it is not copied.
        drop: True to skip functions whose weights are all 0. This looks at the weights' values, and those weights then
            get no gradient.

    Raises:
        ValueError: if the network is not such a sum (`is_pair_sum`).
    """

    def __init__(self, network: LieResNet, drop: bool = False):
        if not is_pair_sum(network):
            raise ValueError("network must have a single block, linear in its kernel, and no cutoff")
        self.network, self.lift = network, network.lift
        plain, embedding, hidden = network.kernel.linear()
        theta: tuple[Tensor, ...] = plain, embedding, hidden
        self.hidden = True
        used = torch.ones(embedding.shape[1], dtype=torch.bool)
        if drop and not bool(hidden.any()):
            self.hidden, used = False, embedding.any(0)
            self.lift, theta = network.lift.restricted(used), (plain, embedding[:, used])
        self.theta = torch.cat(theta, 1)
        self.key = (network, None if self.hidden else tuple(used.tolist()))

    def __eq__(self, other: object) -> bool:
        return self.key == getattr(other, "key", None)

    def __hash__(self) -> int:
        return hash(self.key)

    def coefficients(
        self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]
    ) -> tuple[Float[Tensor, "*batch p f"], Float[Tensor, "*batch"]]:
        """Return the coefficients C, with the pairs flattened, and the constant v₀.

        Args:
            features: the channels of the points.
            mask: the padding mask.
        """
        shares, constant = self.shares(features, mask)
        return shares @ self.theta, constant

    def shares(
        self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]
    ) -> tuple[Float[Tensor, "*batch p k"], Float[Tensor, "*batch"]]:
        """Return the output's derivatives by the kernel's outputs k on each pair, and the constant v₀.

        Args:
            features: the channels of the points.
            mask: the padding mask.
        """
        network = self.network
        check_precision("features and masses", features, network.embed.weight)
        points = features.new_zeros(*mask.shape, self.lift.group.space_dim)
        pairs = self._pairs(points, mask)
        x = network.embed(pairs.lift(features))

        def total(outputs: Tensor) -> tuple[Tensor, Tensor]:
            value = pairs.pool(network.outputs(pairs, x, outputs))[..., 0]
            return value.sum(), value

        constant = network.kernel.last.bias.expand(*pairs.coordinates.shape[:-1], -1)
        shares, value = torch.func.grad(total, has_aux=True)(constant)
        return shares.flatten(mask.ndim - 1, -2), value

    def between(self, channels: Float[Tensor, "pairs 2 c"]) -> Float[Tensor, "pairs k"]:
        """Return the output's derivatives by the kernel's outputs k on the pair (first, second) of two points each.

        Args:
            channels: the channels of both points.
        """
        ends = self.lift.ends(2, channels.device)
        assert ends is not None, "the lift's pairs are pairs of points"
        at = int(((ends[0] == 0) & (ends[1] == 1)).nonzero()[0])
        return self.shares(channels, torch.ones_like(channels[..., 0], dtype=torch.bool))[0][:, at]

    def __call__(
        self,
        points: Float[Tensor, "*batch n d"],
        unit: Float[Tensor, ""],
        mask: Bool[Tensor, "*#batch n"],
        C: Float[Tensor, "*#batch p f"],
        constant: Float[Tensor, "*#batch"],
    ) -> Float[Tensor, "*batch"]:
        """Return the network's output at points / unit.

        Args:
            points: positions.
            unit: the model's unit of length.
            mask: the padding mask.
            C: the coefficients.
            constant: the constant v₀.
        """
        check_precision("positions", points, self.theta)
        pairs = self._pairs(points / unit, mask)
        kernel = self.network.kernel
        functions = kernel.functions(pairs) if self.hidden else torch.cat([pairs.coordinates, pairs.embedding], -1)
        return (functions.flatten(points.ndim - 2, -2) * C).sum((-1, -2)) + constant

    def _pairs(self, points: Tensor, mask: Tensor) -> Pairs:
        return self.network.neighbors(self.lift, points, mask)[0]


def is_pair_sum(network: LieResNet) -> bool:
    """Return True if the network is a sum of functions over pairs with coefficients that do not depend on positions."""
    if len(network.layers) != 1:
        return False
    return network.layers[0].linear_in_kernel and network.neighbors.fixed and not network.lift.has_cutoff


def pair_slopes(
    network: LieResNet,
    points: Float[Tensor, "*batch n d"],
    shares: Float[Tensor, "*#batch p r"],
    chosen: Int[Tensor, " f"],
) -> Float[Tensor, "*batch n d f r"]:
    """Return ∂/∂x_i of Σ_p φ_f(pair p) share_pr for every body i, from the derivatives of each pair by its two points.

    A pair has 2 d derivatives however many bodies there are, where forward derivatives of the sum take n d.

    Args:
        network: a sum over pairs whose lift has `ends`.
        points: positions, in the model's unit of length.
        shares: the derivative of r outputs by the kernel's outputs on each pair (`PairSum.shares`).
        chosen: the numbers of the functions.
    """
    check_precision("positions", points, network.embed.weight)
    n, d = points.shape[-2:]
    ends = network.lift.ends(n, points.device)
    assert ends is not None, "the caller asked for the ends before"
    i, j = ends

    def functions(u: Tensor, v: Tensor) -> Tensor:
        return network.kernel.functions_of(*network.lift.invariants(u, v, i == j))[..., chosen]

    at = points.index_select(-2, i), points.index_select(-2, j)
    still, axes = points.new_zeros(d, d), torch.eye(d, dtype=points.dtype, device=points.device)

    def along(u: Tensor, v: Tensor) -> Tensor:
        return torch.func.jvp(functions, at, (u.expand_as(at[0]), v.expand_as(at[1])))[1]

    each = torch.func.vmap(along)(torch.cat([axes, still]), torch.cat([still, axes]))
    found = []
    for body in range(n):
        first, second = ((x == body).nonzero().flatten() for x in ends)
        both = torch.cat([each[:d].index_select(-2, first), each[d:].index_select(-2, second)], -2)
        found.append(both.mT @ shares.index_select(-2, torch.cat([first, second])))
    return torch.stack(found).movedim((0, 1), (-4, -3))
