"""Residual bottleneck blocks around a LieConv."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn
from torch.nn.functional import silu

from lieham.lift import Lift, Pairs
from lieham.nn.lieconv import LieConv
from lieham.typing import Float, Tensor


class Block(nn.Module, ABC):
    """x ← x + W_out f(pairs, x), width preserving; f is `inner`, the convolution, on `bottleneck` channels."""

    linear_in_kernel: ClassVar[bool] = False
    """The output is linear in the kernel's outputs, so that least squares can find the kernel's last weights."""

    def __init__(self, width: int, lift: Lift, bottleneck: int, kernel_dim: int = 16):
        super().__init__()
        self.inward = nn.Linear(width, bottleneck)
        self.conv = LieConv(bottleneck, bottleneck, lift, kernel_dim=kernel_dim)
        self.outward = nn.Linear(bottleneck, width)

    @abstractmethod
    def inner(
        self, pairs: Pairs, x: Float[Tensor, "*#batch n c"], kernel: Float[Tensor, "*pairs k"]
    ) -> Float[Tensor, "*batch n b"]:
        """f, of `bottleneck` channels; `kernel` are the outputs of the convolution's kernel."""

    def forward(
        self, pairs: Pairs, x: Float[Tensor, "*#batch n c"], kernel: Float[Tensor, "*pairs k"]
    ) -> Float[Tensor, "*batch n c"]:
        """The block's output, of the width of `x`."""
        return x + self.outward(self.inner(pairs, x, kernel))


class PaperBlock(Block):
    """x + W_out σ(LieConv(σ(W_in σ(x)))), σ = swish: the paper's bottleneck (its figure 5), without batch norm.

    A normalisation over the batch would make the energy of one system depend on its batch mates.
    """

    def inner(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Tensor:
        return silu(self.conv(pairs, silu(self.inward(silu(x))), kernel))


class GatedBlock(Block):
    """x + W_out(h ⊙ W_gate x), h = LieConv(W_in x).

    The gate multiplies the convolution by the body's own features: pair laws are products (m_i m_j, k_i k_j), and
    a product is what a swish network learns slowest. One block makes the energies of pairs; in a second one both
    factors depend on the surroundings, and many-body energies begin.
    """

    linear_in_kernel: ClassVar[bool] = True

    def __init__(self, width: int, lift: Lift, bottleneck: int, kernel_dim: int = 16):
        super().__init__(width, lift, bottleneck, kernel_dim)
        self.gate = nn.Linear(width, bottleneck)

    def inner(self, pairs: Pairs, x: Tensor, kernel: Tensor) -> Tensor:
        return self.conv(pairs, self.inward(x), kernel) * self.gate(x)


BLOCKS: dict[str, type[Block]] = {"gated": GatedBlock, "paper": PaperBlock}
