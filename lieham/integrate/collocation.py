"""Implicit steps: the equations of all stages of all trajectories solved in one batch, and differentiated.

symbol → variable: k_i, the rate at stage i → `rates`, (stage, *batch, n, d); Φ → `phi`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite

import torch

from lieham.errors import InputError, IntegrationError
from lieham.typing import Float, Tensor

MAX_ITERATIONS = 100
DEPTH = 6
"""Differences of iterates that the acceleration looks back on: two for each stage of an oscillator."""
SLOW = 0.3
"""The acceleration starts where an iteration leaves more than this of the change; below, it costs more."""
WILD = 100.0
"""And not where the change grows by more: plain iterations soon leave the finite numbers, and so will the step."""
FLOOR = 1e3
"""Changes below this many units of round-off that shrink no further are round-off."""
PATIENCE = 3
"""Accelerated iterations without progress, near round-off, after which the best one is the result."""

Map = Callable[[Tensor], Tensor]


def solve_stages(
    f: Callable[[Tensor, Tensor], Tensor],
    y: Float[Tensor, "*batch n d"],
    t: Tensor,
    h: float | Tensor,
    A: Float[Tensor, "stage stage"],
    c: Float[Tensor, " stage"],
    guess: Float[Tensor, "stage *batch n d"],
    name: str,
    kinds: int = 1,
) -> Float[Tensor, "stage *batch n d"]:
    """k with k_i = f(t + c_i h, y + h Σ_j a_ij k_j), for f of all stages at once.

    `kinds` says into how many parts of unlike units, q and p, the last axis of y falls. Raises IntegrationError in the
    name of the method where the iteration does not converge.
    """
    clock = t + c.view(-1, *(1,) * y.ndim) * h

    def phi(rates: Tensor) -> Tensor:
        return f(clock, y + h * torch.tensordot(A, rates, 1))

    def weight(rates: Tensor) -> Tensor:
        """What turns a change of the rates into one of the state, relative to the largest component of its kind."""
        size = (y.abs() + (h * rates).abs().amax(0)).unflatten(-1, (kinds, -1)).amax((-3, -1), keepdim=True)
        size = size.expand(*y.shape[:-1], kinds, y.shape[-1] // kinds).flatten(-2)
        return _over(abs(h), size)

    def complaint() -> str:
        return (
            f"{name} did not converge in {MAX_ITERATIONS} iterations at t = {float(t.min()):g}: take smaller steps "
            "(substeps)"
        )

    return anderson(phi, guess, weight, complaint)


def anderson(phi: Map, guess: Tensor, weight: Map, complaint: Callable[[], str]) -> Tensor:
    """x = Φ(x), and its gradients.

    The iteration builds no graph. Gradients come by the implicit function theorem: with x = Φ(x, θ) and g = ∂l/∂x,
    dl/dθ = vᵀ ∂Φ/∂θ where v = g + (∂Φ/∂x)ᵀ v is solved by the same iteration. Second derivatives raise InputError.
    """
    with torch.no_grad():
        x = fixed_point(phi, guess, weight, complaint)
        scale = weight(x)
    if not torch.is_grad_enabled():
        return x
    return _Implicit.apply(phi(x), phi, scale, complaint)


class _Implicit(torch.autograd.Function):
    """The identity, whose gradient at Φ(x) with x fixed is that of x = Φ(x)."""

    @staticmethod
    def forward(x, phi, scale, complaint):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.phi, ctx.scale, ctx.complaint = inputs
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            moved = ctx.phi(x)

        def adjoint(v: Tensor) -> Tensor:
            if not moved.requires_grad:
                return g
            (pulled,) = torch.autograd.grad(moved, x, v, retain_graph=True, allow_unused=True)
            return g if pulled is None else g + pulled

        with torch.no_grad():
            size = (g / ctx.scale).abs().amax((0, -2, -1), keepdim=True)[0]
            scale = _over(1 / ctx.scale, size)
            v = fixed_point(adjoint, g, lambda _: scale, lambda: f"the gradient of {ctx.complaint()}")
        return _Once.apply(v, g, x), None, None, None


class _Once(torch.autograd.Function):
    """The first argument; what it depends on through the others cannot be differentiated."""

    @staticmethod
    def forward(v, g, x):
        return v.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, _):
        raise InputError(
            "second derivatives do not pass through an implicit step (gauss2, gauss4, gauss6): take rk4, or yoshida4 "
            "where H is separable"
        )


def fixed_point(phi: Map, x: Tensor, weight: Map, complaint: Callable[[], str]) -> Tensor:
    """x = Φ(x) to round-off, from a first guess; raises IntegrationError(complaint()).

    Plain iterations while they shrink the change, weight(x) |Φ(x) − x|, fast; else Anderson's.
    """
    eps = torch.finfo(x.dtype).eps
    mixing, scale, last, best, stuck, found = None, 0.0, inf, inf, 0, x
    for i in range(MAX_ITERATIONS):
        moved = phi(x)
        old = scale
        if mixing or i < 3:  # plain iterations contract, and sizes settle with the first of them
            scale = weight(moved)
        residual = moved - x
        change = float((residual * scale).abs().max())
        # NaN ends the iteration too: whoever called for the step looks for it.
        if not isfinite(change) or change < 1e-2 * eps:
            return moved
        stuck = 0 if change < best else stuck + 1
        if change < best:
            best, found = change, moved
        # A plain iteration shrinks the change by change / last: near enough, the next one would not be seen.
        done = stuck >= PATIENCE if mixing else stuck or change * change < 1e-2 * eps * last < inf
        if done and best < FLOOR * eps:
            return found
        if mixing is None and change > SLOW * last and float((residual * old).abs().max()) < WILD * last:
            mixing = Anderson()
        elif mixing and stuck >= PATIENCE and best < 1e-6:  # worn out by columns of noise: afresh
            mixing, stuck = Anderson(), -DEPTH
        x, last = mixing(moved, residual, scale) if mixing else moved, change
    raise IntegrationError(complaint())


class Anderson:
    """x ← Φ(x) − Σ_j γ_j ΔΦ_j, with γ the least squares of |r − Σ_j γ_j Δr_j|, r = Φ(x) − x, in each trajectory.

    Anderson 1965; type II of Fang and Saad, Numer. Linear Algebra Appl. 16 (2009), 197.
    """

    def __init__(self):
        self.moved, self.residuals = [], []

    def __call__(self, moved: Tensor, residual: Tensor, scale: Tensor) -> Tensor:
        self.moved = [*self.moved[-DEPTH:], moved]
        self.residuals = [*self.residuals[-DEPTH:], residual]
        if len(self.moved) == 1:
            return moved
        flat = (torch.stack(self.residuals) * scale).movedim((0, 1), (-4, -3)).flatten(-3)
        steps, flat = flat.diff(dim=-2), flat[..., -1, :]
        # Columns of length 1 and a touch of regularisation: a converged trajectory of the batch has columns of noise.
        length = steps.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(flat.dtype).tiny)
        steps = steps / length
        gram = steps.conj() @ steps.mT
        gram = gram + 1e2 * torch.finfo(gram.dtype).eps * torch.eye(len(self.moved) - 1).to(gram)
        right = steps.conj() @ flat[..., None]
        share = (torch.linalg.solve_ex(gram, right).result / length).movedim(-2, 0)[..., None]
        return moved - (share[:, None] * torch.stack(self.moved).diff(dim=0)).sum(0)


def _over(a: float | Tensor, size: Tensor) -> Tensor:
    """a / size, 0 where the size is."""
    return torch.where(size == 0, 0.0, a / size)
