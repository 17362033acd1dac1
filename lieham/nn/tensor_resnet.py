"""`TensorResNet` is a LieResNet whose points carry tensors, for groups of rigid motions."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn.functional import pad, silu

from lieham._support.numerics import check_precision
from lieham.errors import InputError
from lieham.lift import Lift, Pairs
from lieham.neighbors import Neighbors
from lieham.nn.kernel import Kernel
from lieham.nn.network import CloudNetwork
from lieham.nn.norm import MaskedBatchNorm
from lieham.nn.resnet import KERNEL_DIM, NetworkSettings
from lieham.nn.tensor_conv import TensorConv, directions
from lieham.nn.tensor_layers import Channels, TensorLinear, TensorNorm, TensorProduct, Tensors, activated
from lieham.typing import Bool, Float, Tensor

ORDER = {2: 2, 3: 1}
"""In 2 and 3 dimensions the points carry tensors up to this order."""

SHARE = 0.75
"""Of scalars there are this many for each channel of a LieResNet, and half as many tensors of each order; of radial
functions there is one for two outputs of its kernels. So the two networks have about as many parameters."""


def channels(dim: int, width: int) -> Channels:
    """Return the channels of each order beside `width` scalars in `dim` dimensions: half as many, one at least."""
    return (width, *[max(width // 2, 1)] * ORDER[dim])


def _sum(x: Tensors, y: Tensors) -> list[Tensor]:
    """Return x + y, where x may lack the last orders of y."""
    return [*(a + b for a, b in zip(x, y, strict=False)), *y[len(x) :]]


class TensorBlock(nn.Module):
    """A residual block x ← kept(x) + W_out [y, P(W_a y, W_b y)], y = σ(W_own z + TensorConv(z)), z = σ(W_in σ(x)).

    σ is a swish on scalars and a gate on tensors (`activated`), and P multiplies tensors as functions, so that those of
    different orders meet. With `norm` the batch is normalized before each σ. The bottleneck has a quarter of the
    channels. Added channels, and orders that x lacks, begin at 0.

    Args:
        c_in: the channels of each order before the block.
        c_out: the channels of each order after it.
        lift: the lift whose pairs the kernel sees.
        kernel_dim: the number of radial functions of the kernel.
        norm: True for normalizations.
    """

    def __init__(self, c_in: Channels, c_out: Channels, lift: Lift, kernel_dim: int = 4, norm: bool = False):
        super().__init__()
        low, high = tuple(max(c // 4, 1) for c in c_in), channels(lift.group.space_dim, c_out[0] // 4)
        both = tuple(c + high[-1] for c in high)
        self.inward, self.own = TensorLinear(c_in, low), TensorLinear(low, high)
        self.conv = TensorConv(low, high, lift, kernel_dim=kernel_dim)
        self.left, self.right = TensorLinear(high, high), TensorLinear(high, high)
        self.product = TensorProduct(lift.group.space_dim, high[-1], len(high) - 1)
        self.outward = TensorLinear(both, c_out)
        self.norms = nn.ModuleList(TensorNorm(c) for c in ((c_in, low, high) if norm else ()))

    def forward(
        self, pairs: Pairs, x: Tensors, radial: Float[Tensor, "*pairs k"], angular: Float[Tensor, "*pairs h"]
    ) -> list[Tensor]:
        """Return the block's output on the targets.

        Args:
            pairs: the pairs.
            x: the tensors of the sources.
            radial: the outputs of the convolution's kernel.
            angular: the harmonics of the pairs.
        """
        y = self._active(1, self.inward(self._active(0, x, pairs.sources)), pairs.sources)
        own = self.own([pairs.kept(part) for part in y])
        y = self._active(2, _sum(own, self.conv(pairs, y, radial, angular)), pairs.targets)
        more = self.product(self.left(y), self.right(y))
        found = self.outward([torch.cat(parts, -1) for parts in zip(y, more, strict=True)])
        kept = [pairs.kept(part) for part in x[: len(found)]]
        return _sum([pad(part, (0, y.shape[-1] - part.shape[-1])) for part, y in zip(kept, found, strict=False)], found)

    def _active(self, place: int, x: Tensors, mask: Tensor) -> list[Tensor]:
        return activated(self.norms[place](x, mask) if self.norms else x)


class TensorResNet(CloudNetwork):
    """A network that maps clouds of points with features to numbers, and knows directions: embed → blocks → pool.

    A function on SE(d) that is band-limited on the stabiliser SO(d) is a set of tensors at each point. In the plane the
    point carries functions on SO(2), in space functions on the sphere. So its convolutions see more than distances,
    no element is sampled, and the outputs are invariant under the group, SE(d) or E(d), for any weights. Before the
    first block and after the last there are scalars alone.

    Args:
        lift: a lift that gives displacements, "tensor".
        features: the number of channels of a point.
        out: the number of outputs.
        settings: the sizes of a LieResNet with about as many parameters (`SHARE`); `block` is not used.
        neighbors: the choice of pairs that each block sees; by default all of them.

    Raises:
        InputError: if the lift gives no displacements, if space has another dimension than 2 or 3, or if `neighbors` is
            made for another number of blocks.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> from lieham.nn import NetworkSettings, TensorResNet
        >>> network = TensorResNet(make_lift("tensor", make_group("SE(3)")), 1, settings=NetworkSettings(width=16))
        >>> network(torch.randn(10, 5, 3), torch.ones(10, 5, 1), torch.ones(10, 5, dtype=torch.bool)).shape
        torch.Size([10, 1])
    """

    def __init__(
        self,
        lift: Lift,
        features: int,
        out: int = 1,
        settings: NetworkSettings | None = None,
        neighbors: Neighbors | None = None,
    ):
        settings = NetworkSettings() if settings is None else settings
        if lift.sees_pairs:
            raise InputError(f"lift must be tensor in a TensorResNet, got {lift.kind}: take a LieResNet")
        if lift.group.space_dim not in ORDER:
            raise InputError(f"lift must be coset for {lift.group}, got tensor: a TensorResNet is for d = 2 and 3")
        if lift.settings.get("hand"):
            raise InputError(
                "hand must be False in a TensorResNet, got True: with SE(2) it tells left from right anyway"
            )
        super().__init__(lift, settings.blocks, settings.mean, neighbors)
        widths = [max(round(SHARE * width), 1) for width in settings.widths()]
        kernel_dim = max((settings.kernel_dim or KERNEL_DIM) // 2, 1)
        sides = [(widths[0],), *(channels(lift.group.space_dim, width) for width in widths[1:-1]), (widths[-1],)]
        self.embed = nn.Linear(features, widths[0])
        self.blocks = nn.ModuleList(TensorBlock(a, b, lift, kernel_dim, settings.norm) for a, b in pairwise(sides))
        self.norm = MaskedBatchNorm(widths[-1]) if settings.norm else None
        self.readout = nn.Linear(widths[-1], out, bias=False)

    @property
    def layers(self) -> tuple[TensorBlock, ...]:
        """Return the blocks in the order in which they are applied."""
        return cast("tuple[TensorBlock, ...]", tuple(self.blocks))

    @property
    def kernels(self) -> list[Kernel]:
        return [block.conv.kernel for block in self.layers]

    @property
    def norms(self) -> list[MaskedBatchNorm]:
        inside = [cast(TensorNorm, norm).scalars for block in self.layers for norm in block.norms]
        return inside if self.norm is None else [*inside, self.norm]

    def local(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> tuple[Pairs, Float[Tensor, "*batch t o"]]:
        check_precision("positions", points, self.embed.weight)
        check_precision("features", features, self.embed.weight)
        pairs = self.neighbors(self.lift, points, mask)
        order = max(block.conv.seen for block in self.layers)
        angular = {id(found): directions(found, order) for found in pairs}
        x: Tensors = [self.embed(pairs[0].lift(features))[None]]
        for block, found, radial in zip(self.layers, pairs, self._seen(pairs), strict=True):
            x = block(found, x, radial, angular[id(found)])
        scalars = x[0][0] if self.norm is None else self.norm(x[0][0], pairs[-1].targets)
        return pairs[-1], self.readout(silu(scalars))
