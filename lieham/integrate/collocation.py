"""Implicit steps solve the equations of all stages of all trajectories in one batch, and differentiate the solution.

symbol → variable: k_i, the rate at stage i → `rates`, (stage, *batch, n, d); Φ → `phi`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, NamedTuple

import torch

from lieham.errors import InputError, IntegrationError
from lieham.typing import Float, Tensor

MAX_ITERATIONS = 100
DEPTH = 6
"""The acceleration uses this number of past differences of iterates: two for each stage of an oscillator."""
SLOW = 0.3
"""The acceleration starts when an iteration leaves more than this share of the change; else it costs too much."""
WILD = 100.0
"""The acceleration does not start when the change grows by more than this factor; such a step overflows."""
FLOOR = 1e3
"""A change that shrinks no further counts as round-off if it is below this many units of round-off."""
PATIENCE = 3
"""The best iterate is the result after this many accelerated iterations without progress near round-off."""

Map = Callable[[Tensor], Tensor]


class Stages(NamedTuple):
    """The stage equations take these properties from an implicit method.

    `A`, of shape (stage, stage), and `c`, of shape (stage,), are Butcher's. The message of an error has the `name`.
    `kinds` is the number of equal parts of unlike units, such as q and p, into which the last axis of a state falls.
    """

    A: Float[Tensor, "stage stage"]
    c: Float[Tensor, " stage"]
    name: str
    kinds: int = 1


def solve_stages(
    f: Callable[[Tensor, Tensor], Tensor],
    y: Float[Tensor, "*batch n d"],
    t: Tensor,
    h: float | Tensor,
    guess: Float[Tensor, "stage *batch n d"],
    method: Stages,
) -> Float[Tensor, "stage *batch n d"]:
    """Solve k_i = f(t + c_i h, y + h Σ_j a_ij k_j) for the rates k of all stages.

    Args:
        f: function of (times, states) that gives the rates of all stages at once.
        y: state at the start of the step, of shape (*batch, n, d).
        t: time at the start of the step, a scalar or of shape (*batch, 1, 1).
        h: width of the step, a float or of shape (*batch, 1, 1).
        guess: first guess of the rates, of shape (stage, *batch, n, d).
        method: tableau and name of the method, and the number of kinds of components.

    Returns:
        The rates, of shape (stage, *batch, n, d).

    Raises:
        IntegrationError: the iteration does not converge.
    """
    nodes = method.c.to(torch.promote_types(method.c.dtype, t.dtype)).view(-1, *(1,) * y.ndim)
    kinds, clock = method.kinds, t + nodes * h

    def phi(rates: Tensor) -> Tensor:
        return f(clock, y + h * torch.tensordot(method.A, rates, 1))

    def weight(rates: Tensor) -> Tensor:
        """Return the factor from a change of the rates to one of the state, relative to its largest component."""
        size = (y.abs() + (h * rates).abs().amax(0)).unflatten(-1, (kinds, -1)).amax((-3, -1), keepdim=True)
        size = size.expand(*y.shape[:-1], kinds, y.shape[-1] // kinds).flatten(-2)
        return _over(magnitude(h), size)

    def complaint() -> str:
        return (
            f"{method.name} did not converge in {MAX_ITERATIONS} iterations at t = {float(t.min()):g}: "
            "take smaller steps (substeps)"
        )

    return anderson(phi, guess, weight, complaint)


def anderson(phi: Map, guess: Tensor, weight: Map, complaint: Callable[[], str]) -> Tensor:
    """Solve x = Φ(x) so that gradients pass through the solution.

    The iteration builds no graph. Gradients follow from the implicit function theorem: with x = Φ(x, θ) and g = ∂l/∂x,
    dl/dθ = vᵀ ∂Φ/∂θ, where the same iteration solves v = g + (∂Φ/∂x)ᵀ v. Second derivatives raise InputError.

    Args:
        phi: the map Φ.
        guess: first guess of x.
        weight: returns the factor from a change of x to a relative change of the state.
        complaint: returns the message of the error where the iteration does not converge.
    """
    with torch.no_grad():
        x = fixed_point(phi, guess, weight, complaint)
        scale = weight(x)
    if not torch.is_grad_enabled():
        return x
    return _Implicit.apply(phi(x), phi, scale, complaint)


class _Implicit(torch.autograd.Function):
    """This function is the identity; its gradient at Φ(x) with x fixed is that of the solution of x = Φ(x)."""

    @staticmethod
    def forward(x: Tensor, phi: Map, scale: Tensor, complaint: Callable[[], str]) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.phi, ctx.scale, ctx.complaint = inputs
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
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
    """This function is the identity of its first argument and refuses to be differentiated again."""

    @staticmethod
    def forward(v: Tensor, g: Tensor, x: Tensor) -> Tensor:
        return v.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> Tensor:
        raise InputError(
            "second derivatives do not pass through an implicit step (gauss2, gauss4, gauss6): take rk4, or yoshida4 "
            "where H is separable"
        )


def fixed_point(phi: Map, x: Tensor, weight: Map, complaint: Callable[[], str]) -> Tensor:
    """Solve x = Φ(x) to round-off from a first guess.

    The iteration is plain while it shrinks the change weight(x) |Φ(x) − x| fast, and accelerated by Anderson's method
    otherwise.

    Args:
        phi: the map Φ.
        x: first guess.
        weight: returns the factor from a change of x to a relative change of the state.
        complaint: returns the message of the error where the iteration does not converge.

    Raises:
        IntegrationError: the iteration does not converge; the message is that of `complaint`.
    """
    eps = torch.finfo(x.dtype).eps
    mixing: Anderson | None = None
    scale: float | Tensor = 0.0
    last, best, stuck, found = inf, inf, 0, x
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
    """Anderson's method accelerates the iteration of x = Φ(x), for each trajectory on its own.

    x ← Φ(x) − Σ_j γ_j ΔΦ_j, where γ minimises |r − Σ_j γ_j Δr_j| and r = Φ(x) − x (Anderson 1965; type II of Fang and
    Saad, Numer. Linear Algebra Appl. 16 (2009), 197).
    """

    def __init__(self) -> None:
        self.moved: list[Tensor] = []
        self.residuals: list[Tensor] = []

    def __call__(self, moved: Tensor, residual: Tensor, scale: float | Tensor) -> Tensor:
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


def magnitude(h: float | Tensor) -> float | Tensor:
    """Return |h|."""
    return h.abs() if isinstance(h, Tensor) else abs(h)


def _over(a: float | Tensor, size: Tensor) -> Tensor:
    """Return a / size, and 0 where the size is 0."""
    return torch.where(size == 0, 0.0, a / size)
