"""`FreeStatesLoss` is the least loss of every window over its initial state, which is fitted and not observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch

from lieham._support.polynomials import polynomial
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError
from lieham.integrate import SeparableField
from lieham.losses.shooting import ShootingLoss
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

ROUNDS = 2
"""The tangent of the flow is computed at most this many times while the states are fitted."""
CHORDS = 4
"""At most this many Gauss-Newton steps share one tangent: a step costs one flow, a tangent n d forward derivatives."""
GAINED = 1e-3
"""Gauss-Newton ends where a step lowers the squares by less than this share, which is not worth another flow."""
DEGREE = 6
"""This is the highest degree of the polynomial that smooths the observed positions of a window without a model."""
TINY = 1e-30


@dataclass(frozen=True)
class Fitted:
    """A path that was fitted to every window, and the flow linearised about it."""

    middle: Float[Tensor, "b k n d"]
    """These are the positions half-way between the times."""
    force: Float[Tensor, "b k n d"]
    """This is the force at these positions that the path obeys; it is 0 for a path without a force."""
    residual: Float[Tensor, "b time m"]
    """These are the observed states less those of the path, in units of the loss; components not observed are 0."""
    weight: Float[Tensor, " m"]
    """This is one over the noise of q and of p, which the residuals show; it is 0 for components not observed."""
    flow: Float[Tensor, "b k m m"]
    """This is the derivative ∂(state)/∂(state before) of every step."""


class FreeStatesLoss(ShootingLoss):
    """A loss that is least over initial states: L(θ) = min over z₀ of the mean squares of q̂ − q and p̂ − p from z₀.

    Every window has its own initial state z₀, from which the flow goes through the full window (initial-value problem
    of Bock 1981), so noise in a first point is not taken for truth, and components that are not observed are fitted.
    Where momenta are observed, L is the geometric mean of both mean squares in units s_q² and s_p²: the likelihood of
    Gaussian noise whose two levels are not known and are read off the residuals. The states are found by Gauss-Newton,
    separately for every window, damped by halving.

    Args:
        observed: "noisy" where q and p are observed with noise, "positions" where q alone is observed.
        method: the name of the integrator.
        substeps: the number of steps of the integrator between two observed points.
    """

    def __init__(self, observed: str, method: str, substeps: int):
        super().__init__(1, method, substeps)
        self.momenta = observed == "noisy"

    @torch.no_grad()
    def forward(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, ""]:
        _, residual = self._fit(model, windows)
        q, p = self._mean_squares(residual, windows)
        return (q * p).sqrt() if self.momenta else q

    def scores(self, model: Hamiltonian, windows: Trajectory) -> dict[str, float]:
        """Return the loss as `validation`: it is a mean over all windows, since noise is in all of them."""
        return {"validation": self(model, windows).item()}

    def _mean_squares(self, residual: Tensor, windows: Trajectory) -> tuple[Tensor, Tensor]:
        count = windows.bodies.mask.sum() * windows.times.shape[-1] * windows.dim
        q, p = (x.square().sum() / count for x in residual.chunk(2, -1))
        return q.clamp(min=TINY), p.clamp(min=TINY)

    def weight(self, residual: Float[Tensor, "b time m"], windows: Trajectory) -> Float[Tensor, " m"]:
        """Return one over the noise of every component of a state in units of the loss, 0 for unobserved p."""
        q, p = self._mean_squares(residual, windows)
        both = torch.stack([torch.ones_like(q), (q / p).sqrt() * float(self.momenta)])
        return both.repeat_interleave(residual.shape[-1] // 2)

    @torch.no_grad()
    def fit(self, model: Hamiltonian, windows: Trajectory) -> Fitted:
        """Return the flow of `model` from the best initial states; raise IntegrationError where it diverges."""
        path, residual = self._fit(model, windows)
        middle = middles(windows, path)
        force = forces_of(model, windows.bodies.over_time()).force(windows.times[:, :-1], middle)
        weight = self.weight(residual, windows)
        return Fitted(middle, force, residual, weight, self.tangent(model, windows, path))

    def _fit(self, model: Hamiltonian, windows: Trajectory) -> tuple[PhaseState, Tensor]:
        path = self._flow(model, windows, windows.state(0))
        residual = self.residual(windows, path)
        for _ in range(ROUNDS):
            tangent = cumulative(self.tangent(model, windows, path))
            for _ in range(CHORDS):
                weight, before = self.weight(residual, windows), residual
                path, residual = self._moved(
                    model, windows, path, residual, least_squares_step(tangent, residual, weight)
                )
                if _gained(weight, before, residual) < GAINED:
                    return path, residual
        return path, residual

    def unmodelled(self, windows: Trajectory) -> Fitted:
        """Return the polynomial of degree `DEGREE` or less that fits the observed positions, a path without a force."""
        times = windows.times.double()
        weights, _ = polynomial(times, (times[:, 1:] + times[:, :-1]) / 2, min(DEGREE, windows.n_steps))
        middle = torch.einsum("bkt,btnd->bknd", weights, windows.q.double()).to(windows.q.dtype)
        nowhere = PhaseState(torch.zeros_like(windows.q), torch.zeros_like(windows.p))
        weight = torch.tensor([1.0, float(self.momenta)], dtype=times.dtype, device=times.device)
        weight = weight.repeat_interleave(middle[0, 0].numel())
        flow = self._free(windows, self.drift(windows))
        return Fitted(middle, torch.zeros_like(middle), self.residual(windows, nowhere), weight, flow)

    def _moved(
        self, model: Hamiltonian, windows: Trajectory, path: PhaseState, residual: Tensor, step: Tensor
    ) -> tuple[PhaseState, Tensor]:
        """Return the path and its residual, with initial states moved by `step`, by half of it, or not at all.

        Every window takes the first of these that lowers its weighted squares.
        """
        weight = self.weight(residual, windows)
        for factor in (1.0, 0.5):
            trial = self._flow(model, windows, self._shifted(path, factor * step))
            found = self.residual(windows, trial)
            better = (weight * found).square().sum((1, 2)) < (weight * residual).square().sum((1, 2))
            moved = better[:, None, None, None]
            path = PhaseState(torch.where(moved, trial.q, path.q), torch.where(moved, trial.p, path.p))
            residual = torch.where(better[:, None, None], found, residual)
            if bool(better.all()):
                break
            step = torch.where(better[:, None], torch.zeros_like(step), step)
        return path, residual

    def _flow(self, model: Hamiltonian, windows: Trajectory, start: PhaseState) -> PhaseState:
        return self.integrator.integrate(model.field(windows.bodies), start, windows.times)

    def _shifted(self, path: PhaseState, step: Float[Tensor, "b m"]) -> PhaseState:
        q, p = (x.unflatten(-1, path.q.shape[-2:]).to(path.q.dtype) for x in step.chunk(2, -1))
        return PhaseState(path.q[:, 0] + q * self.scale_q, path.p[:, 0] + p * self.scale_p)

    def residual(self, windows: Trajectory, path: PhaseState) -> Float[Tensor, "b time m"]:
        """Return observed states less those of `path` in units of the loss, or 0 for padding and unobserved momenta."""
        real = windows.bodies.mask[:, None, :, None].double()
        q = (windows.q.double() - path.q.double()) / self.scale_q * real
        p = (windows.p.double() - path.p.double()) / self.scale_p * real * float(self.momenta)
        return torch.cat([q.flatten(2), p.flatten(2)], -1)

    def tangent(self, model: Hamiltonian, windows: Trajectory, path: PhaseState) -> Float[Tensor, "b k m m"]:
        """Return ∂(state)/∂(state before) of every step: half a drift, a kick by ∂F/∂q at the middle, half a drift.

        Its error of (hω)²/24 slows Gauss-Newton down but does not change its result.

        Args:
            model: a separable model.
            windows: windows, (b, time, n, d).
            path: the states about which the flow is linearised, (b, time, n, d).
        """
        middle = middles(windows, path)
        field = forces_of(model, windows.bodies.over_time())
        n, d = middle.shape[-2:]
        directions = torch.eye(n * d, dtype=middle.dtype, device=middle.device).view(-1, n, d)
        at = windows.times[:, :-1]

        def slope(x: Tensor) -> Tensor:
            return torch.func.jvp(lambda q: field.force(at, q), (middle,), (x.expand_as(middle),))[1]

        stiffness = torch.stack([slope(x).flatten(2) for x in directions], -1).double()
        half = self._free(windows, self.drift(windows) / 2)
        kick = torch.eye(2 * n * d, dtype=half.dtype, device=half.device).expand_as(half).clone()
        kick[..., n * d :, : n * d] = stiffness * self._h(windows)[..., None] * (self.scale_q / self.scale_p)
        return half @ kick @ half

    def _free(self, windows: Trajectory, drift: Float[Tensor, "b k nd"]) -> Float[Tensor, "b k m m"]:
        """Return ∂(state)/∂(state before) of every step of free flight, without a force."""
        size = drift.shape[-1]
        found = torch.eye(2 * size, dtype=drift.dtype, device=drift.device).repeat(*drift.shape[:2], 1, 1)
        found[..., :size, size:] = torch.diag_embed(drift)
        return found

    def drift(self, windows: Trajectory) -> Float[Tensor, "b k nd"]:
        """Return h/m of every step and coordinate in units of the loss; this is ∂q/∂p of free flight."""
        mass = windows.bodies.mass.double().repeat_interleave(windows.dim, -1)[:, None]
        return self._h(windows) / mass * (self.scale_p / self.scale_q)

    def _h(self, windows: Trajectory) -> Float[Tensor, "b k 1"]:
        return windows.times.double().diff(dim=-1)[..., None]


def middles(windows: Trajectory, path: PhaseState) -> Float[Tensor, "b k n d"]:
    """Return positions half-way between the times, by the cubic through positions and velocities p/m of `path`."""
    h = windows.times.diff(dim=-1)[..., None, None].to(path.q.dtype)
    v = path.p / windows.bodies.mass[:, None, :, None]
    return (path.q[:, 1:] + path.q[:, :-1]) / 2 + h / 8 * (v[:, :-1] - v[:, 1:])


def cumulative(flow: Float[Tensor, "b k m m"]) -> Float[Tensor, "b time m m"]:
    """Return ∂(state)/∂(first state) at every time."""
    found = [torch.eye(flow.shape[-1], dtype=flow.dtype, device=flow.device).expand_as(flow[:, 0])]
    for step in flow.unbind(1):
        found.append(step @ found[-1])
    return torch.stack(found, 1)


def least_squares_step(
    tangent: Float[Tensor, "b time m m"], residual: Float[Tensor, "b time m"], weight: Float[Tensor, " m"]
) -> Float[Tensor, "b m"]:
    """Return argmin over δ of |weight · (residual − tangent δ)|² for every window.

    Args:
        tangent: ∂(state)/∂(first state), (b, time, m, m).
        residual: observed states less those of the path, (b, time, m).
        weight: one over the noise of every component of a state, (m,).
    """
    U, S, V = directions_of(tangent, weight)
    shares = torch.einsum("brs,br->bs", U, (weight * residual).flatten(1))
    return torch.einsum("bsm,bs->bm", V, shares / S)


def directions_of(tangent: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return U, S, Vᵀ of the weighted tangent; in directions in which it is singular, S is infinite and U zero."""
    U, S, V = torch.linalg.svd((weight[:, None] * tangent).flatten(1, 2), full_matrices=False)
    seen = 1e-12 * S[:, :1] < S
    return U * seen[:, None], torch.where(seen, S, torch.full_like(S, torch.inf)), V


def _gained(weight: Tensor, before: Tensor, after: Tensor) -> float:
    """Return the share by which the weighted squares fell."""
    old, new = ((weight * x).square().sum() for x in (before, after))
    return (1 - new / old.clamp(min=TINY)).item()


def forces_of(model: Hamiltonian, bodies: Bodies) -> SeparableField:
    """Return the field of a separable model, which gives its force alone by a method `force`."""
    return cast(SeparableField, model.field(bodies))


def check_length(points: int) -> None:
    """Raise InputError where a window has fewer than 3 points: an initial state would fit them without any law."""
    if points < 3:
        raise InputError(f"window must be at least 3 where initial states are fitted, got {points}")
