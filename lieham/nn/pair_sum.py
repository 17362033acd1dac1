"""A network of one block that is linear in its kernel, for given features: a sum over pairs of known functions."""

from __future__ import annotations

import torch

from lieham.nn.resnet import LieResNet
from lieham.typing import Bool, Float, Tensor


class Superposition:
    """Σ_pf C_pf φ_f(pair p) + v₀, equal to the `LieResNet` it is made of wherever the points are.

    φ are the kernel's `functions`. In a single block that is linear in its kernel the output's derivatives by the
    kernel's outputs hang on the features alone, so C and v₀ are computed once for many positions, and what is left for
    each is φ and one product. With `drop`, functions whose weights are all 0 are not computed: that looks at
    the weights' values, and such weights then get no gradient.

    Raises ValueError for a network that is no such sum (`superposes`).
    """

    def __init__(self, network: LieResNet, drop: bool = False):
        if not superposes(network):
            raise ValueError("network must have a single block, linear in its kernel, and no cutoff")
        self.network, self.lift = network, network.lift
        kernel = network.blocks[-1].conv.kernel
        theta, self.hidden = kernel.linear(), True
        plain, embedding, hidden = theta
        if drop and not bool(hidden.any()):
            self.hidden, used = False, embedding.any(0)
            self.lift, theta = network.lift.restricted(used), (plain, embedding[:, used])
        self.theta = torch.cat(theta, 1)
        self._key = (network, None if self.hidden else tuple(used.tolist()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Superposition) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def coefficients(
        self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]
    ) -> tuple[Float[Tensor, "*batch p f"], Float[Tensor, "*batch"]]:
        """C, the pairs flattened, and v₀."""
        shares, constant = self.shares(features, mask)
        return shares @ self.theta, constant

    def shares(
        self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]
    ) -> tuple[Float[Tensor, "*batch p k"], Float[Tensor, "*batch"]]:
        """The output's derivatives by the kernel's outputs k on each pair, and v₀."""
        network, kernel = self.network, self.network.blocks[-1].conv.kernel
        points = features.new_zeros(*mask.shape, self.lift.group.space_dim)
        pairs = network.lift(points, mask)
        x = network.embed(pairs.lift(features))

        def total(outputs: Tensor) -> tuple[Tensor, Tensor]:
            value = pairs.pool(network.outputs(pairs, x, outputs))[..., 0]
            return value.sum(), value

        constant = kernel.mlp[-1].bias.expand(*pairs.coordinates.shape[:-1], -1)
        shares, value = torch.func.grad(total, has_aux=True)(constant)
        return shares.flatten(mask.ndim - 1, -2), value

    def __call__(
        self,
        points: Float[Tensor, "*batch n d"],
        unit: Float[Tensor, ""],
        mask: Bool[Tensor, "*#batch n"],
        C: Float[Tensor, "*#batch p f"],
        constant: Float[Tensor, "*#batch"],
    ) -> Float[Tensor, "*batch"]:
        """The output at points / unit."""
        pairs = self.lift(points / unit, mask)
        kernel = self.network.blocks[-1].conv.kernel
        functions = kernel.functions(pairs) if self.hidden else torch.cat([pairs.coordinates, pairs.embedding], -1)
        return (functions.flatten(points.ndim - 2, -2) * C).sum((-1, -2)) + constant


def superposes(network: LieResNet) -> bool:
    """Whether the network is a sum over pairs of functions with coefficients that no position changes."""
    return len(network.blocks) == 1 and network.blocks[0].linear_in_kernel and not network.lift.has_cutoff
