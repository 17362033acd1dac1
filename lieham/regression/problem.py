"""Ridge regression: its rows, its columns, its singular values and its solution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.regression.dictionary import Columns
from lieham.typing import Bool, Float, Int, Tensor

ROUNDS = 4
"""Rounds in which rows that are not explained lose their weight."""
TINY = 1e-15


@dataclass(frozen=True)
class WeightedRows:
    """Rows A z ≈ y with residuals (A z − y)/size, whose squares are summed with `weight`.

    Args:
        A: coefficients, (windows, steps, columns).
        y: right-hand sides, (windows, steps).
        size: by what a residual is divided, (windows, steps).
        weight: of the square of a residual, (windows, steps).
    """

    A: Float[Tensor, "windows steps columns"]
    y: Float[Tensor, "windows steps"]
    size: Float[Tensor, "windows steps"]
    weight: Float[Tensor, "windows steps"]

    def at(self, windows: Bool[Tensor, " windows"]) -> WeightedRows:
        """Return the rows of some windows."""
        return WeightedRows(self.A[windows], self.y[windows], self.size[windows], self.weight[windows])

    def of(self, columns: Bool[Tensor, " columns"]) -> WeightedRows:
        """Return the rows with these columns alone."""
        return replace(self, A=self.A[..., columns])

    def misfit(self, z: Float[Tensor, " columns"]) -> Float[Tensor, "windows steps"]:
        """Return the residuals (A z − y)/size."""
        return (self.A @ z - self.y) / self.size

    def weighted(self) -> Float[Tensor, "rows c1"]:
        """Return [A y], each row multiplied by √weight/size."""
        rows = torch.cat([self.A, self.y[..., None]], -1)
        return (rows * (self.weight.sqrt() / self.size)[..., None]).flatten(0, 1)


@dataclass
class RidgeProblem:
    """min over z of |A z − y|²/count + ridge |z|², with columns scaled to a largest element of 1.

    The coefficients of the dictionary are θ = z/scale, spread over the outputs by `columns`. Only the columns `used`
    enter; the coefficients of the others are 0.

    Args:
        A: rows in weak form, (windows, rows, columns).
        y: right-hand sides, (windows, rows).
        scale: the largest element of every column before scaling, (columns,).
        columns: what the columns are.
        count: number of terms over which the squares are averaged.
        used: the columns in use, (columns,).
        ridge: strength of the ridge.
        beside: rows that are solved for beside A and y.
        fold: windows of the same number are held out together, (windows,); None for each by itself.
        mask: the real bodies, (windows, n), where the rows of a window are those of its n bodies in turn; None where
            they are not divided.
    """

    A: Float[Tensor, "windows rows columns"]
    y: Float[Tensor, "windows rows"]
    scale: Float[Tensor, " columns"]
    columns: Columns
    count: int
    used: Bool[Tensor, " columns"]
    ridge: float = 0.0
    beside: WeightedRows | None = None
    fold: Int[Tensor, " windows"] | None = None
    mask: Bool[Tensor, "windows n"] | None = None
    S: Tensor = field(init=False, repr=False)
    V: Tensor = field(init=False, repr=False)
    shares: Tensor = field(init=False, repr=False)
    is_solved: ClassVar[bool] = False

    def parts(self, rows: Float[Tensor, "windows rows"]) -> Float[Tensor, " blocks"]:
        """Return the mean square of the rows of every real body of every window, or of every window."""
        if self.mask is None:
            return rows.square().mean(1)
        return rows.square().unflatten(1, (self.mask.shape[1], -1)).mean(-1)[self.mask]

    def weigh_down(self) -> Float[Tensor, "windows n"] | None:
        """Weigh down the rows of bodies whose motion is not explained, and return the weights of their squares.

        With r the root mean square that the solution leaves of a body's rows in a window and s the median of r, their
        weight is s/max(s, r): least squares with the loss of Huber (1964), so that what one body does for reasons of
        its own spoils little of what the others tell. Rows that are not divided by bodies keep their weight.
        """
        if self.mask is None:
            return None
        A, y = self.A, self.y
        weight = torch.ones_like(self.mask, dtype=y.dtype)
        for _ in range(ROUNDS):
            self.decompose(self.ridge)
            left = (
                (A[..., self.used] @ self.solution() - y)
                .square()
                .unflatten(1, (self.mask.shape[1], -1))
                .mean(-1)
                .sqrt()
            )
            usual = left[self.mask].median()
            weight = torch.where(self.mask, usual / left.clamp(min=usual).clamp(min=TINY), torch.ones_like(left))
            weight = weight.clamp(min=TINY) if bool(usual > 0) else torch.ones_like(weight)
            each = weight.sqrt().repeat_interleave(y.shape[1] // self.mask.shape[1], 1)
            self.A, self.y = A * each[..., None], y * each
        return weight

    def decompose(self, ridge: float) -> None:
        """Compute the singular values of the columns in use, for `solution` and `solve`."""
        self.ridge = ridge
        rows = triangle(self.A[..., self.used], self.y)
        if self.beside is not None:
            rows = torch.cat([rows, self.beside.of(self.used).weighted()])
        U, self.S, self.V = torch.linalg.svd(rows[:, :-1], full_matrices=False)
        self.shares = U.mT @ rows[:, -1]

    def solution(self, times: int = 1) -> Float[Tensor, " columns"]:
        """Return (AᵀA/count + ridge)⁻¹ Aᵀy/count to round-off.

        The product Aᵀy is not formed, since a small ridge would magnify its round-off.

        Args:
            times: how often the ridge is used, each time on what is left (iterated Tikhonov regularisation). Of a
                direction with singular value S the share (ridge count/(S² + ridge count))^times is missing, so that the
                second time hardly shrinks what the data tell well, and still leaves out what they do not.
        """
        strength = self.ridge * self.count
        shares = self.S * self.shares / (self.S.square() + strength)
        missing = strength / (self.S.square() + strength)
        return self.V.mT @ (shares * sum(missing**k for k in range(times)))

    def solve(self, right: Float[Tensor, " columns"]) -> Float[Tensor, " columns"]:
        """Return (AᵀA/count + ridge)⁻¹ right."""
        return self.V.mT @ ((self.V @ right) / (self.S.square() / self.count + self.ridge))

    def loss_beside(self, z: Float[Tensor, " columns"]) -> tuple[float, Float[Tensor, " columns"]]:
        """Return what the rows `beside` add to the loss, and half of its derivative by z."""
        if self.beside is None:
            return 0.0, torch.zeros_like(z)
        rows = self.beside.of(self.used).weighted()
        error = rows[:, :-1] @ z - rows[:, -1]
        return (error.square().sum() / self.count).item(), rows[:, :-1].mT @ error / self.count

    def write(self, z: Float[Tensor, " used"], dictionary: Dictionary) -> None:
        """Write a solution into the model."""
        theta = torch.zeros_like(self.scale)
        theta[self.used] = z / self.scale[self.used]
        dictionary.set(self.columns.spread(theta, dictionary.functions))

    def slope(self, theta: Float[Tensor, " theta"]) -> Float[Tensor, " used"]:
        """Return ∂L/∂z of ∂L/∂θ."""
        return self.columns.gather(theta)[self.used] / self.scale[self.used]


def posed(
    A: Float[Tensor, "windows rows columns"], y: Float[Tensor, "windows rows"], columns: Columns, count: int
) -> RidgeProblem:
    """Return the problem of these rows with all columns in use, each scaled to a largest element of 1.

    Args:
        A: rows before scaling, (windows, rows, columns).
        y: right-hand sides, (windows, rows).
        columns: what the columns are.
        count: number of terms over which the squares are averaged.
    """
    scale = A.abs().amax((0, 1))
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return RidgeProblem(A / scale, y, scale, columns, count, torch.ones_like(scale, dtype=torch.bool))


def triangle(A: Float[Tensor, "w r c"], y: Float[Tensor, "w r"]) -> Float[Tensor, "m c1"]:
    """Return the triangle of [A y]: the same least-squares problem in no more rows than columns."""
    return torch.linalg.qr(torch.cat([A, y[..., None]], -1).flatten(0, 1), mode="r").R
