"""The columns of the linear equations: functions of the last kernel, times combinations of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lieham.models import LieConvModel
from lieham.nn import Kernel
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Int, Tensor


@dataclass
class Basis:
    """The columns: functions `chosen` of the kernel, times the combinations `mixing` of its outputs."""

    chosen: Int[Tensor, " f"]
    mixing: Float[Tensor, "k r"]

    def write(self, theta: Float[Tensor, " columns"], weights: tuple[Tensor, ...]) -> None:
        """The kernel's weights, those of functions that were not chosen 0."""
        whole = theta.new_zeros(sum(w.shape[1] for w in weights), len(self.mixing))
        whole[self.chosen] = theta.unflatten(0, (-1, self.mixing.shape[1])) @ self.mixing.mT.to(theta)
        copy(weights, whole.mT.split([w.shape[1] for w in weights], 1))

    def read(self, weights: Sequence[Tensor]) -> Float[Tensor, " columns"]:
        """What was written; of gradients by the weights, those by the columns."""
        mixing = self.mixing.double()
        return (torch.cat(list(weights), 1).mT[self.chosen].to(mixing) @ mixing).flatten()


def kernel(model: LieConvModel) -> Kernel:
    """The last kernel, whose weights θ are sought."""
    return model.potential.network.blocks[-1].conv.kernel


def mixing_of(model: LieConvModel, x: Trajectory) -> Float[Tensor, "k r"]:
    """The combinations of kernel outputs that the data can tell apart, orthonormal: the others change no energy."""
    first = PhaseState(x.q[:100], x.p[:100])
    rows = model.basis(first, x.bodies.map(lambda y: y[:100]).over_time())
    dtype, rows = rows.dtype, rows.double().flatten(0, -2)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    values, vectors = torch.linalg.eigh(rows.mT @ rows)
    floor = 1e-11 if dtype == torch.float64 else 1e-6
    return vectors[:, values > floor * values[-1]].to(dtype)


@torch.no_grad()
def copy(weights: tuple[Tensor, ...], values: Sequence[Tensor]) -> None:
    """Write values into weights."""
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)
