"""Baselines cost nothing, and every model must beat them: a constant state, free flight, and a mean force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch

from lieham.data.windows import WindowBatch, batch_of, joined
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.closed import without_push
from lieham.losses.free_states import FreeStatesLoss
from lieham.losses.shooting import ShootingLoss
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

TRIMMED = 0.1
"""The trimmed mean leaves out this share of the errors at either end."""


class Score(NamedTuple):
    """A score says how far predictions are off, in units of the loss, in which a constant state has about 2.

    The median and the trimmed mean are over all windows and bodies, so that a few close encounters do not decide them.
    """

    mean: float
    median: float
    trimmed: float


@dataclass(frozen=True)
class MeanForce:
    """A mean force gives each body the acceleration g + κ (q_cm − q), with one vector g and one number κ for all.

    Args:
        g: uniform acceleration, (d,).
        pull: κ, the acceleration for each unit of distance from the centre of mass.
    """

    g: Float[Tensor, " d"]
    pull: Float[Tensor, ""]

    @classmethod
    def measured(cls, windows: Trajectory, scale_p: Tensor) -> MeanForce:
        """Return the g and κ whose forces are nearest to the observed Δp/Δt in units of `scale_p`, by least squares."""
        observed = windows.observed_forces() / scale_p
        weight = (_mass(windows) * windows.bodies.mask[:, None, :, None] / scale_p).expand_as(observed)
        towards = _towards(windows.q[:, : observed.shape[1]], windows) * weight
        axes = torch.eye(windows.dim, dtype=weight.dtype, device=weight.device) * weight[..., None]
        design = torch.cat([axes, towards[..., None]], -1).flatten(0, -2).double()
        y = observed.masked_fill(~windows.bodies.mask[:, None, :, None], 0).flatten().double()
        found = torch.linalg.pinv(design.T @ design, hermitian=True) @ (design.T @ y)
        return cls(found[:-1].to(windows.q.dtype), found[-1].to(windows.q.dtype))

    def __call__(self, windows: Trajectory) -> PhaseState:
        """Return q₀ + t p₀/m + t² a/2 and p₀ + t m a at the times of the windows, a being that of the first point."""
        t, mass = _since_start(windows), _mass(windows)
        acceleration = self.g + self.pull * _towards(windows.q[:, :1], windows)
        q = windows.q[:, :1] + t * windows.p[:, :1] / mass + t.square() / 2 * acceleration
        return PhaseState(q, windows.p[:, :1] + t * mass * acceleration)

    def forces(self, windows: Trajectory) -> Float[Tensor, "b time n d"]:
        """Return the forces at the points of the windows."""
        return _mass(windows) * (self.g + self.pull * _towards(windows.q, windows))


def stay(windows: Trajectory) -> PhaseState:
    """Return the prediction that every body stays where it is, with the momentum that it has."""
    return PhaseState(*(x[:, :1].expand_as(x) for x in windows.states()))


def fly_freely(windows: Trajectory) -> PhaseState:
    """Return the prediction q₀ + t p₀/m, p₀, which says that no force acts."""
    first = windows.p[:, :1]
    return PhaseState(windows.q[:, :1] + _since_start(windows) * first / _mass(windows), first.expand_as(windows.p))


class Judge:
    """A judge scores a model and the baselines alike on windows, by the loss that the model was trained with.

    Args:
        loss: the loss, with its units measured.
        observed: "exact", "noisy" or "positions"; for the last two, the first states of the windows are fitted, those
            of the baselines too.
        training: windows of training, on which the mean force is measured.
    """

    def __init__(self, loss: ShootingLoss, observed: str, training: Trajectory):
        self.loss, self.observed = loss, observed
        self.baselines: dict[str, Callable[[Trajectory], PhaseState]] = {
            "constant state": stay,
            "free flight": fly_freely,
            "mean force": MeanForce.measured(training, self._scales(training).p),
        }

    @torch.no_grad()
    def scores(self, model: Hamiltonian, windows: Trajectory) -> dict[str, Score]:
        """Return the score of the model, under the name `model`, and those of the baselines."""
        fitted = self.observed in ("noisy", "positions")
        pieces = windows if fitted else _pieces(windows, self.loss.segment or windows.n_steps)
        residuals = {"model": self._fitted(model, windows) if fitted else self._of_flow(model, pieces)}
        for name, predict in self.baselines.items():
            path = predict(pieces)
            left = PhaseState(pieces.q - path.q, pieces.p - path.p)
            residuals[name] = self._with_best_start(left, pieces, predict is not stay) if fitted else left
        return {name: self._score(x, pieces) for name, x in residuals.items()}

    def _of_flow(self, model: Hamiltonian, pieces: Trajectory) -> PhaseState:
        path = self.loss.integrator.integrate(model.field(pieces.bodies), pieces.state(0), pieces.times)
        return PhaseState(pieces.q - path.q, pieces.p - path.p)

    def _fitted(self, model: Hamiltonian, windows: Trajectory) -> PhaseState:
        loss: FreeStatesLoss = self.loss  # type: ignore[assignment]  # `observed` says which of the two it is
        q, p = (x.unflatten(-1, windows.q.shape[-2:]) for x in loss.fit(model, windows).residual.chunk(2, -1))
        return PhaseState(q * self.loss.scale_q, p * self.loss.scale_p)

    def _with_best_start(self, left: PhaseState, windows: Trajectory, moving: bool) -> PhaseState:
        """Return residuals from the first states that make their squares least, of paths that fly freely or stay."""
        seen = self.observed == "noisy"
        t, one = _since_start(windows).expand_as(windows.q), torch.ones_like(windows.q)
        mass = _mass(windows).expand_as(windows.q)
        zero = torch.zeros_like(one)
        columns = [(one, zero), (t, mass * seen)] if moving else [(one, zero), (zero, one * seen)]
        scales = [(self.loss.scale_q, self.loss.scale_p)] * 2
        design = torch.stack([_stacked(*x, *s) for x, s in zip(columns, scales, strict=True)], -1)
        rest = _stacked(left.q, left.p * seen, *scales[0])
        weights = torch.linalg.pinv(design.double()) @ rest.double()[..., None]
        rest = rest - (design.double() @ weights)[..., 0].to(rest.dtype)
        q, p = (x.movedim(-1, 1) for x in rest.chunk(2, -1))
        return PhaseState(q * self.loss.scale_q, p * self.loss.scale_p)

    def _scales(self, pieces: Trajectory) -> PhaseState:
        """Return the units of the loss, which weighs all bodies alike where first states are fitted."""
        exact = self.observed == "exact"
        return self.loss.scales(pieces) if exact else PhaseState(self.loss.scale_q, self.loss.scale_p)

    def _score(self, left: PhaseState, pieces: Trajectory) -> Score:
        """Return the score of residuals (b, time, n, d), whose first points count where first states are fitted."""
        after = slice(1, None) if self.observed == "exact" else slice(None)
        scales = self._scales(pieces)
        error = PhaseState(left.q[:, after] / scales.q, left.p[:, after] / scales.p)
        if self.loss.closed and self.observed == "exact":
            apart = PhaseState(*(x[:, None] for x in error))
            error = PhaseState(*(x[:, 0] for x in without_push(apart, pieces, pieces.times[:, None], scales)))
        q, p = (x.square().mean((1, 3))[pieces.bodies.mask] for x in error)
        if self.observed == "positions":
            return summed_up(q, q.mean())
        if self.observed == "noisy":
            return summed_up((q * p).sqrt(), (q.mean() * p.mean()).sqrt())
        return summed_up(q + p, (q + p).mean())


def summed_up(errors: Float[Tensor, " k"], mean: Tensor) -> Score:
    """Return the score of the errors of all bodies and windows, of which the mean is given."""
    errors = errors.nan_to_num(torch.inf, torch.inf).sort().values
    cut = int(TRIMMED * len(errors))
    return Score(mean.item(), errors.quantile(0.5).item(), errors[cut : len(errors) - cut].mean().item())


def _pieces(windows: Trajectory, steps: int) -> Trajectory:
    """Return the segments of the windows, which each start from an observed point, as windows of their own."""
    starts = range(0, windows.n_steps - steps + 1, steps)
    whole = batch_of(windows)
    return joined([cast(WindowBatch, whole.window(first, steps + 1)) for first in starts])


def _stacked(q: Tensor, p: Tensor, scale_q: Tensor, scale_p: Tensor) -> Float[Tensor, "b n d rows"]:
    return torch.cat([(q / scale_q).movedim(1, -1), (p / scale_p).movedim(1, -1)], -1)


def _since_start(windows: Trajectory) -> Float[Tensor, "b time 1 1"]:
    return (windows.times - windows.times[:, :1]).to(windows.q.dtype)[..., None, None]


def _mass(windows: Trajectory) -> Float[Tensor, "b 1 n 1"]:
    return windows.bodies.mass[:, None, :, None]


def _towards(q: Float[Tensor, "b time n d"], windows: Trajectory) -> Float[Tensor, "b time n d"]:
    """Return q_cm − q."""
    mass = _mass(windows) * windows.bodies.mask[:, None, :, None]
    return (mass * q).sum(-2, keepdim=True) / mass.sum(-2, keepdim=True) - q
