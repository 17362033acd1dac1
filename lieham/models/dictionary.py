"""A network whose last block is linear in its kernel has a dictionary; the kernel's functions are its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import nn

from lieham.dynamics.dictionary import Dictionary
from lieham.nn import LieResNet
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Int, Tensor


class KernelDictionary(Dictionary):
    """A dictionary that consists of the functions of the last kernel of a `LieResNet`.

    The coefficients of the functions are that kernel's last weights θ.

    Args:
        network: the network; its last block must be linear in its kernel.
        basis: a function that returns ∂H/∂θ of state and bodies; it takes `chosen` and `mixing` as `evaluate` does.
        length: the model's unit of length, in which the network sees positions.
        slopes: a function that returns ∂²H/∂q∂θ of positions, bodies, `chosen` and `mixing`, for functions of pairs of
            points and of nothing else; None where they are more than that.
    """

    def __init__(
        self,
        network: LieResNet,
        basis: Callable[..., Tensor],
        length: Float[Tensor, ""],
        slopes: Callable[..., Tensor] | None = None,
    ):
        self._slopes = slopes
        self._kernel, self._lift, self._basis, self._length = network.kernel, network.lift, basis, length
        self.functions = sum(weight.shape[1] for weight in self._kernel.linear())

    @property
    def rank(self) -> Float[Tensor, " f"]:
        return self._kernel.rank(self._lift)

    @property
    def width(self) -> Float[Tensor, " f"]:
        return self._kernel.width(self._lift) * self._length.to(torch.float64)

    def evaluate(
        self,
        state: PhaseState,
        bodies: Bodies,
        chosen: Int[Tensor, " f"] | None = None,
        mixing: Float[Tensor, "k r"] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        return self._basis(state, bodies, chosen=chosen, mixing=mixing)

    def derivatives(self, state: PhaseState, bodies: Bodies, of: tuple[Tensor, Tensor], along: int) -> Tensor:
        if self._slopes is None or along:
            return super().derivatives(state, bodies, of, along)
        return self._slopes(state.q, bodies, *of)

    def work(self, n: int, d: int) -> int:
        return super().work(n, d) // (1 if self._slopes is None else max(1, n))

    def get(self) -> Float[Tensor, "f k"]:
        return torch.cat([weight.detach() for weight in self._kernel.linear()], 1).mT.clone()

    @torch.no_grad()
    def set(self, theta: Float[Tensor, "f k"]) -> None:
        weights = self._kernel.linear()
        for weight, part in zip(weights, theta.mT.split([x.shape[1] for x in weights], 1), strict=True):
            weight.copy_(part)
        cast(nn.Linear, self._kernel.mlp[-1]).bias.zero_()

    def slope(self, loss: Float[Tensor, ""]) -> Float[Tensor, "f k"]:
        return torch.cat(torch.autograd.grad(loss, self._kernel.linear()), 1).mT


def dictionary_of(
    network: LieResNet,
    basis: Callable[..., Tensor],
    length: Float[Tensor, ""],
    slopes: Callable[..., Tensor] | None = None,
) -> KernelDictionary | None:
    """Return the network's dictionary, or None where it is not linear in its last kernel or its lift is not exact.

    With a lift that samples, a regression would solve for one draw alone, so such a network has no dictionary. Nor has
    one whose last kernel is frozen (`requires_grad=False`), since a regression would change it.
    """
    frozen = any(not weight.requires_grad for weight in network.kernel.parameters())
    if network.layers[-1].linear_in_kernel and network.lift.exact and not frozen:
        return KernelDictionary(network, basis, length, slopes)
    return None
