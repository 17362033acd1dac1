"""A ridge regression: its columns, its singular values and its solution."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lieham.regression.dictionary import Basis
from lieham.regression.energy_rows import Energies
from lieham.typing import Bool, Float, Tensor


@dataclass
class Problem:
    """A z ≈ y with columns of largest element 1; θ = z/scale, combined by `mixing` into the weights of functions."""

    A: Float[Tensor, "windows rows columns"]
    y: Float[Tensor, "windows rows"]
    scale: Float[Tensor, " columns"]
    basis: Basis
    count: int
    columns: Bool[Tensor, " columns"]
    """Those in use; the weights of the others are 0."""
    ridge: float = 0.0
    energies: Energies | None = None
    """What is solved for beside the paths."""

    def decompose(self, ridge: float) -> None:
        """The singular values of A's columns in use, for `solve`."""
        triangle = reduce(self.A[..., self.columns], self.y)
        if self.energies is not None:
            triangle = torch.cat([triangle, self.energies.of(self.columns).weighted()])
        self.ridge = ridge
        U, self.S, self.V = torch.linalg.svd(triangle[:, :-1], full_matrices=False)
        self.shares = U.mT @ triangle[:, -1]

    def solution(self) -> Float[Tensor, " columns"]:
        """(AᵀA/count + ridge)⁻¹ Aᵀy/count, to round-off: without the product Aᵀy, whose own a small ridge magnifies."""
        return self.V.mT @ (self.S * self.shares / (self.S.square() + self.ridge * self.count))

    def solve(self, right: Float[Tensor, " columns"]) -> Float[Tensor, " columns"]:
        """(AᵀA/count + ridge)⁻¹ right."""
        return self.V.mT @ ((self.V @ right) / (self.S.square() / self.count + self.ridge))

    def beside(self, z: Float[Tensor, " columns"]) -> tuple[float, Float[Tensor, " columns"]]:
        """What the energies add to the loss, and half of its derivative."""
        if self.energies is None:
            return 0.0, torch.zeros_like(z)
        rows = self.energies.of(self.columns).weighted()
        error = rows[:, :-1] @ z - rows[:, -1]
        return (error.square().sum() / self.count).item(), rows[:, :-1].mT @ error / self.count

    def write(self, z: Tensor, weights: tuple[Tensor, ...]) -> None:
        """The solution as the kernel's weights."""
        theta = torch.zeros_like(self.scale)
        theta[self.columns] = z / self.scale[self.columns]
        self.basis.write(theta, weights)

    def read(self, gradients: list[Tensor]) -> Float[Tensor, " columns"]:
        """∂L/∂z of ∂L/∂weights."""
        return self.basis.read(gradients)[self.columns] / self.scale[self.columns]


def reduce(A: Float[Tensor, "w r c"], y: Float[Tensor, "w r"]) -> Float[Tensor, "m c1"]:
    """The triangle of [A y]: the same least-squares problem in no more rows than columns."""
    return torch.linalg.qr(torch.cat([A, y[..., None]], -1).flatten(0, 1), mode="r").R
