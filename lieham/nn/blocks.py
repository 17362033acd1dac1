"""The residual bottleneck blocks here surround a LieConv."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn
from torch.nn.functional import pad, silu

from lieham.lift import Lift, Pairs
from lieham.nn.lieconv import LieConv
from lieham.nn.norm import MaskedBatchNorm
from lieham.typing import Float, Tensor


class Block(nn.Module, ABC):
    """A residual block that maps x ← kept(x) + W_out f(pairs, x), with the convolution f (`inner`) on a bottleneck.

    The bottleneck has a quarter of the channels. Added channels begin at 0. Where the pairs subsample points, the
    convolution gives values on the points that are kept, and x is restricted to them.

    Args:
        width: the number of channels before the block.
        lift: the lift whose pairs the kernel sees.
        kernel_dim: the number of outputs of the kernel.
        wide: the number of channels after the block; by default `width`.
        norm: True for batch normalizations at the places where the paper has them.
    """

    linear_in_kernel: bool = False
    """This is True where the output is linear in the kernel's outputs, so that least squares can find the kernel's last
    weights."""

    def __init__(self, width: int, lift: Lift, kernel_dim: int = 16, wide: int | None = None, norm: bool = False):
        super().__init__()
        wide = width if wide is None else wide
        self.inward = nn.Linear(width, width // 4)
        self.conv = LieConv(width // 4, wide // 4, lift, kernel_dim=kernel_dim)
        self.outward = nn.Linear(wide // 4, wide)
        self.more = wide - width
        self.norms = nn.ModuleList(MaskedBatchNorm(c) for c in ((width, width // 4, wide // 4) if norm else ()))

    @abstractmethod
    def inner(
        self, pairs: Pairs, x: Float[Tensor, "*#batch n c"], kernel: Float[Tensor, "*pairs k"]
    ) -> Float[Tensor, "*batch n b"]:
        """Return the convolution f on the bottleneck.

        Args:
            pairs: the pairs.
            x: the channels of the sources.
            kernel: the outputs of the convolution's kernel.
        """

    def forward(
        self, pairs: Pairs, x: Float[Tensor, "*#batch n c"], kernel: Float[Tensor, "*pairs k"]
    ) -> Float[Tensor, "*batch t o"]:
        """Return the block's output.

        Args:
            pairs: the pairs.
            x: the channels of the sources.
            kernel: the outputs of the convolution's kernel.
        """
        return self.kept(pairs, x) + self.outward(self.inner(pairs, x, kernel))

    def kept(self, pairs: Pairs, x: Tensor) -> Tensor:
        """Return the channels to which the convolution is added: those of the kept points, padded with zeros."""
        kept = pairs.kept(x)
        return pad(kept, (0, self.more)) if self.more else kept

    def normed(self, place: int, x: Tensor, mask: Tensor) -> Tensor:
        """Return the values after the normalization at this place, or unchanged where the block has none.

        Args:
            place: the number of the normalization in the block, 0 to 2.
            x: the values.
            mask: the padding mask.
        """
        return self.norms[place](x, mask) if self.norms else x


class PaperBlock(Block):
    """A block that computes the paper's bottleneck (its figure 5), kept(x) + W_out σ(LieConv(σ(W_in σ(x)))), σ = swish.

    With `norm` the batch is normalized before each σ. For dynamics it is not, since then the energy of one system
    would depend on its batch mates in training.
    """

    def inner(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Tensor:
        x = self.inward(silu(self.normed(0, x, pairs.sources)))
        x = self.conv(pairs, silu(self.normed(1, x, pairs.sources)), kernel)
        return silu(self.normed(2, x, pairs.targets))


class GatedBlock(Block):
    """A block that computes kept(x) + W_out(h ⊙ W_gate kept(x)), h = LieConv(W_in x).

    The gate multiplies the convolution by the body's own features: pair laws are products (m_i m_j, k_i k_j), and
    a swish network learns products slowest. One block represents energies of pairs; in a second one both factors
    depend on the surroundings, and many-body energies begin. With `norm` x and h are normalized.
    """

    def __init__(self, width: int, lift: Lift, kernel_dim: int = 16, wide: int | None = None, norm: bool = False):
        super().__init__(width, lift, kernel_dim, wide, norm)
        self.gate = nn.Linear(width, (width + self.more) // 4)
        self.linear_in_kernel = not norm

    def inner(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Tensor:
        x = self.normed(0, x, pairs.sources)
        h = self.conv(pairs, self.normed(1, self.inward(x), pairs.sources), kernel)
        return self.normed(2, h, pairs.targets) * self.gate(pairs.kept(x))


BLOCKS: dict[str, type[Block]] = {"gated": GatedBlock, "paper": PaperBlock}
"""This dictionary maps the name of every block to its class."""
