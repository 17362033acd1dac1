"""`LieResNet` is the paper's network; it maps points with features to values on each point or on each cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch
from torch import nn
from torch.nn.functional import linear, silu

from lieham._support.numerics import check_precision
from lieham.errors import InputError
from lieham.lift import Lift, Pairs
from lieham.neighbors import Neighbors
from lieham.nn.blocks import Block, GatedBlock
from lieham.nn.kernel import Kernel
from lieham.nn.network import CloudNetwork
from lieham.nn.norm import MaskedBatchNorm
from lieham.typing import Bool, Float, Int, Tensor

KERNEL_DIM = 16
"""A kernel has this many outputs for each output of the network, which is the number of products of features that the
output can tell apart."""


@dataclass(frozen=True)
class NetworkSettings:
    """Settings that fix the sizes of a `LieResNet` and the class of its blocks.

    Args:
        width: the number of channels after the embedding.
        blocks: the number of blocks.
        block: the class of the blocks.
        growth: the ratio of the number of channels after all blocks to that before them; each block adds its share.
        norm: True for batch normalization in the blocks, and once more with a swish before the last linear map.
        mean: True for the mean over the points, in place of the sum.
        kernel_dim: the number of outputs of a kernel; by default `KERNEL_DIM` for each output of the network.
    """

    width: int = 64
    blocks: int = 1
    block: type[Block] = GatedBlock
    growth: float = 1.0
    norm: bool = False
    mean: bool = False
    kernel_dim: int | None = None

    def widths(self) -> list[int]:
        """Return the number of channels before the first block and after each; a growing one is a multiple of 4."""
        if self.growth == 1:
            return [self.width] * (self.blocks + 1)
        return [4 * round(self.width * self.growth ** (k / self.blocks) / 4) for k in range(self.blocks + 1)]


class LieResNet(CloudNetwork):
    """A network that maps clouds of points with features to numbers: lift → embed → blocks → linear → sum over points.

    The points may be bodies, pixels or atoms. With an exact `lift` the output is invariant under the lift's group for
    any weights, and padded points change nothing. Where all pairs are seen, permutations of the points change nothing
    either. Finzi et al. 2020, arXiv 2002.12880, figure 5.

    Args:
        lift: the map from points to pairs.
        features: the number of channels of a point.
        out: the number of outputs.
        settings: the sizes of the network; by default those of `NetworkSettings()`.
        neighbors: the choice of pairs that each block sees; by default all of them.

    Raises:
        InputError: if `neighbors` is made for another number of blocks.

    Example:
        >>> import torch
        >>> from lieham.groups import make_group
        >>> from lieham.lift import make_lift
        >>> from lieham.nn import LieResNet, NetworkSettings
        >>> network = LieResNet(make_lift(None, make_group("SE(3)")), features=1, settings=NetworkSettings(width=16))
        >>> points, mass = torch.randn(10, 5, 3), torch.ones(10, 5, 1)
        >>> network(points, mass, torch.ones(10, 5, dtype=torch.bool)).shape
        torch.Size([10, 1])
    """

    splits: ClassVar[bool] = False
    """Whether derivatives of the functions are formed for a part of the clouds at a time."""
    least_bodies: ClassVar[int] = 2
    """Systems of fewer bodies have nothing that the functions could see."""

    def __init__(
        self,
        lift: Lift,
        features: int,
        out: int = 1,
        settings: NetworkSettings | None = None,
        neighbors: Neighbors | None = None,
    ):
        settings = NetworkSettings() if settings is None else settings
        if not lift.sees_pairs:
            raise InputError(f"lift must have pairs of invariants in a LieResNet, got {lift.kind}: take a TensorResNet")
        super().__init__(lift, settings.blocks, settings.mean, neighbors)
        widths = settings.widths()
        self.embed = nn.Linear(features, settings.width)
        kernel_dim = KERNEL_DIM * out if settings.kernel_dim is None else settings.kernel_dim
        self.blocks = nn.ModuleList(settings.block(a, lift, kernel_dim, b, settings.norm) for a, b in pairwise(widths))
        self.norm = MaskedBatchNorm(widths[-1]) if settings.norm else None
        self.readout = nn.Linear(widths[-1], out, bias=False)

    @property
    def layers(self) -> tuple[Block, ...]:
        """Return the blocks in the order in which they are applied."""
        return cast("tuple[Block, ...]", tuple(self.blocks))

    @property
    def kernels(self) -> list[Kernel]:
        return [block.conv.kernel for block in self.layers]

    @property
    def norms(self) -> list[MaskedBatchNorm]:
        inside = [cast(MaskedBatchNorm, norm) for block in self.layers for norm in block.norms]
        return inside if self.norm is None else [*inside, self.norm]

    @property
    def kernel(self) -> Kernel:
        """Return the kernel of the last block."""
        return self.layers[-1].conv.kernel

    @property
    def terms_name(self) -> str:
        """Return what the output is a sum of, in words, where it is linear in the last kernel's outputs."""
        return "functions of pairs" if len(self.layers) == 1 else "functions of many bodies"

    @property
    def linear_in_kernel(self) -> bool:
        """Return True where the output is linear in the last kernel's outputs, and so in its last weights."""
        return self.layers[-1].linear_in_kernel

    def rank(self) -> Float[Tensor, " f"]:
        """Return the rank in which cross-validation adds the functions of the last kernel (`Kernel.rank`)."""
        return self.kernel.rank(self.lift)

    def width(self) -> Float[Tensor, " f"]:
        """Return the width of the functions of the last kernel (`Kernel.width`)."""
        return self.kernel.width(self.lift)

    def calibrate(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Do nothing: the network is the same for all kinds of points."""

    def check(self, features: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"]) -> None:
        """Do nothing: every point is taken."""

    def local(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
    ) -> tuple[Pairs, Float[Tensor, "*batch m o"]]:
        """Return the last block's pairs, and the outputs on every lifted point, before they are summed.

        Args:
            points: positions, in the model's unit of length.
            features: the channels of the points.
            mask: the padding mask.
        """
        pairs, x, kernel = self._before(points, features, mask)
        return pairs, self.outputs(pairs, x, kernel)

    def basis(
        self,
        points: Float[Tensor, "*#batch n d"],
        features: Float[Tensor, "*#batch n c"],
        mask: Bool[Tensor, "*#batch n"],
        mixing: Float[Tensor, "k r"] | None = None,
        chosen: Int[Tensor, " f"] | None = None,
        read: Callable[[Pairs, Tensor], Tensor] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Return Φ_fk = ∂E/∂θ_fk, with the last kernel's weights θ (`Kernel.linear`) and E = `read` of the outputs.

        Φ_fk = Σ_pairs φ_f(pair) ∂E/∂K_k(pair), with φ the kernel's `functions` and K its outputs. If the last block is
        linear in its kernel and E is the default, then E = Σ_fk θ_fk Φ_fk + a part that does not depend on θ.

        Args:
            points: positions, in the model's unit of length.
            features: the channels of the points.
            mask: the padding mask.
            mixing: combinations of the kernel's outputs, which replace the outputs.
            chosen: the numbers of the functions f that are wanted; by default all of them.
            read: a function that returns the energy (*batch,) from the pairs and the outputs of `local`; by default the
                sum of the outputs of `forward`.
        """
        pairs, x, last = self._before(points, features, mask)
        functions = self.kernel.functions(pairs)

        def total(kernel: Tensor) -> Tensor:
            values = self.outputs(pairs, x, kernel)
            return (pairs.pool(values) if read is None else read(pairs, values)).sum()

        shares = torch.func.grad(total)(last)
        shares = shares if mixing is None else shares @ mixing
        functions = functions if chosen is None else functions[..., chosen]
        batch = points.ndim - 2
        return torch.einsum("...pf,...pk->...fk", functions.flatten(batch, -2), shares.flatten(batch, -2))

    def _before(self, points: Tensor, features: Tensor, mask: Tensor) -> tuple[Pairs, Tensor, Tensor]:
        """Return the last block's pairs, the channels before that block, and the outputs of its kernel."""
        check_precision("positions", points, self.embed.weight)
        check_precision("features and masses", features, self.embed.weight)
        layers, pairs = self.layers, self.neighbors(self.lift, points, mask)
        kernels = self._seen(pairs)
        x = self.embed(pairs[0].lift(features))
        for block, found, kernel in zip(layers[:-1], pairs, kernels, strict=False):
            x = block(found, x, kernel)
        return pairs[-1], x, kernels[-1]

    def outputs(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Float[Tensor, "*batch m o"]:
        """Return the network's outputs on every lifted point, from the channels before the last block.

        Without a norm the block's last matrix and the readout are multiplied first, which saves `width` channels.

        Args:
            pairs: the pairs of the last block.
            x: the channels before the last block.
            kernel: the outputs of the last block's kernel.
        """
        last, read = self.layers[-1], self.readout.weight
        if self.norm is not None:
            return self.readout(silu(self.norm(last(pairs, x, kernel), pairs.targets)))
        inner = last.inner(pairs, x, kernel)
        return self.readout(last.kept(pairs, x)) + linear(inner, read @ last.outward.weight, read @ last.outward.bias)
