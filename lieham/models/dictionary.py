"""A network whose last block is linear in its kernel has a dictionary; the kernel's functions are its columns."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lieham.dynamics.dictionary import Dictionary, Products
from lieham.dynamics.uniform_field import UniformField
from lieham.nn import LieResNet, MomentNet
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Int, Tensor


class KernelDictionary(Dictionary):
    """A dictionary that holds the functions of the last kernel of a `LieResNet`, or the terms of a `MomentNet`.

    The coefficients of the functions are that kernel's last weights θ.

    Args:
        network: the network; its last block must be linear in its kernel.
        basis: a function that returns ∂H/∂θ of state and bodies; it takes `chosen` and `mixing` as `evaluate` does.
        length: the model's unit of length, in which the network sees positions.
        slopes: a function that returns ∂²H/∂q∂θ of positions, bodies, `chosen` and `mixing`, for functions of pairs of
            points and of nothing else; None where they are more than that.
        uniform: the model's uniform field, whose learned components are the single functions; None for none.
        products: a function that returns what `products` does; None for none.
    """

    def __init__(
        self,
        network: LieResNet | MomentNet,
        basis: Callable[..., Tensor],
        length: Float[Tensor, ""],
        slopes: Callable[..., Tensor] | None = None,
        uniform: UniformField | None = None,
        products: Callable[[Bodies], Products | None] | None = None,
    ):
        self._products = products
        self._slopes = slopes
        self._network, self._kernel, self._basis, self._length = network, network.kernel, basis, length
        self.functions = sum(weight.shape[1] for weight in self._kernel.linear())
        self._uniform = uniform if uniform is not None and uniform.is_learned else None
        self.name = network.terms_name
        self.least_bodies, self.ends = network.least_bodies, network.lift.has_cutoff
        self.singles = 0 if self._uniform is None else self._uniform.axes.shape[0]

    @property
    def rank(self) -> Float[Tensor, " f"]:
        return self._network.rank()

    @property
    def width(self) -> Float[Tensor, " f"]:
        return self._network.width() * self._length.to(torch.float64)

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

    def products(self, bodies: Bodies) -> Products | None:
        return None if self._products is None else self._products(bodies)

    def work(self, n: int, d: int) -> int:
        if self._network.splits:
            return 1
        return super().work(n, d) // (1 if self._slopes is None else max(1, n))

    def evaluate_singles(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch s"]:
        if self._uniform is None:
            return super().evaluate_singles(state, bodies)
        return self._uniform.basis(state.q, bodies)

    def get(self) -> Float[Tensor, " theta"]:
        return self._joined([weight.detach() for weight in self._weights()]).clone()

    @torch.no_grad()
    def set(self, theta: Float[Tensor, " theta"]) -> None:
        pairs = theta[: len(theta) - self.singles]
        self._kernel.write(pairs.unflatten(0, (self.functions, -1)))
        if self._uniform is not None:
            self._uniform.components.copy_(theta[len(theta) - self.singles :])

    def slope(self, loss: Float[Tensor, ""]) -> Float[Tensor, " theta"]:
        return self._joined(list(torch.autograd.grad(loss, self._weights())))

    def _weights(self) -> list[Tensor]:
        """Return the tensors that hold θ: the kernel's last weights, (k, f) each, and the uniform field's, (s,)."""
        return [*self._kernel.linear(), *([] if self._uniform is None else [self._uniform.components])]

    def _joined(self, parts: list[Tensor]) -> Float[Tensor, " theta"]:
        """Return one vector of tensors that are shaped like `_weights`."""
        count = len(self._kernel.linear())
        return torch.cat([torch.cat(parts[:count], 1).mT.flatten(), *parts[count:]])


def dictionary_of(
    network: LieResNet | MomentNet,
    basis: Callable[..., Tensor],
    length: Float[Tensor, ""],
    slopes: Callable[..., Tensor] | None = None,
    uniform: UniformField | None = None,
    products: Callable[[Bodies], Products | None] | None = None,
) -> KernelDictionary | None:
    """Return the network's dictionary, or None where it is not linear in its last kernel or its lift is not exact.

    With a lift that samples, a regression would solve for one draw alone, so such a network has no dictionary. Nor has
    one whose last kernel is frozen (`requires_grad=False`), since a regression would change it. A frozen uniform field
    is no part of it.

    Args:
        network: the network.
        basis: a function that returns ∂H/∂θ, see `KernelDictionary`.
        length: the model's unit of length.
        slopes: a function that returns ∂²H/∂q∂θ, see `KernelDictionary`; None for none.
        uniform: the model's uniform field; None for none.
        products: a function that returns the products, see `Dictionary.products`; None for none.
    """
    frozen = any(not weight.requires_grad for weight in network.kernel.parameters())
    if network.linear_in_kernel and network.lift.exact and not frozen:
        return KernelDictionary(network, basis, length, slopes, uniform, products)
    return None
