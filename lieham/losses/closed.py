"""An outside push gives all bodies one acceleration; here it is measured, and taken out of errors and equations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lieham.dynamics.uniform_field import UniformField, mean_acceleration
from lieham.groups import Group
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

NOTICED = 1e-6
"""A push counts where it changes some body's momentum by more than this share of the body's own changes,"""
SLIGHT = 0.1
"""and it is taken out where it changes that of half of the bodies by less than this share: else it is their motion."""
CONSTANT = 0.03
"""A push is constant where its changes in time, and from trajectory to trajectory, are less than this share of it."""


@dataclass(frozen=True)
class Push:
    """An outside push is what accelerates the centre of mass.

    Args:
        acceleration: the mean of Ṗ/M, (d,).
        most: the share of a body's changes of momentum that the push explains, at most over all bodies.
        median: the median of these shares.
        varies: the root mean square by which Ṗ/M departs from its mean, in units of the mean, noise apart.
    """

    acceleration: Float[Tensor, " d"]
    most: float = 0.0
    median: float = 0.0
    varies: float = 0.0

    @property
    def disturbs(self) -> bool:
        """Return True where the push is felt, and yet is not what moves most bodies."""
        return self.most > NOTICED and self.median < SLIGHT

    @property
    def constant(self) -> bool:
        """Return True where the push is felt and is one acceleration, so that a uniform field explains it."""
        return self.most > NOTICED and self.varies < CONSTANT

    def __str__(self) -> str:
        parts = ", ".join(f"{x:.2g}" for x in _rounded(self.acceleration).tolist())
        outside = "all bodies are accelerated alike from outside"
        said = f"{outside}, by ({parts}) on average, which no law among them explains"
        if not self.constant:
            size = self.acceleration.norm().item() * (1 + self.varies**2) ** 0.5
            return (
                f"{outside}, by {size:.2g} in the root mean square, which no law among them explains, and not the same "
                "at all times or in all trajectories, so that no uniform field explains it; the law is learned without "
                "it, and forecasts leave it out"
            )
        left = (
            "the law is learned without it, and forecasts leave it out"
            if self.disturbs
            else "it is most of their motion"
        )
        return (
            f"{said}: {left}; the push is constant, so HLieConv(..., uniform_field=True), or --model.uniform_field "
            "true, learns it and keeps it in forecasts"
        )

    def beyond(self, field: UniformField) -> str:
        """Return what the push is, where it was measured beside a uniform field that does not explain it."""
        said = "all bodies are accelerated alike from outside beside the uniform field that is declared"
        if not self.constant or field.explains_all:
            return f"{said}, by what changes in time or between trajectories: a uniform field holds its mean alone"
        parts = ", ".join(f"{x:.2g}" for x in _rounded(self.acceleration).tolist())
        return f"{said}, by ({parts}): uniform_field=True learns a field along all axes"


def _rounded(g: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """Return g with 0 for components that are round-off of its length."""
    return torch.where(g.abs() > 1e-9 * g.norm(), g, torch.zeros_like(g))


def moves_all(group: Group | None) -> bool:
    """Return True where the group has every translation, so that no law that it leaves unchanged can push the whole."""
    if group is None:
        return False
    A, b = group.generators()
    shifts = b[A.abs().sum((1, 2)) == 0]
    return len(shifts) > 0 and int(torch.linalg.matrix_rank(shifts)) == group.space_dim


def push(x: Trajectory, field: UniformField | None = None) -> Push:
    """Measure how the centre of mass is accelerated, which no law among the bodies themselves can do.

    With the total momentum P and the total mass M it is Ṗ/M. Where P changes to and fro from point to point, as noise
    and round-off make it do, there is no push.

    Args:
        x: trajectories, (k, time, n, d).
        field: a uniform field that is declared; what it gives, and the mean along the axes where it is learned, is no
            part of the push.

    Returns:
        The push; shares are 0 for a single body, whose motion is all outside.
    """
    real = x.bodies.mask[:, None, :, None].double()
    if int(x.bodies.mask.sum(-1).max()) < 2:
        return Push(x.q.new_zeros(x.dim).double())
    mass = x.bodies.mass.double()[:, None, :, None] * real
    p = x.p.double() * real
    change, each = p.sum(-2).diff(dim=1), p.diff(dim=1)
    moved_mass = mass.sum((2, 3))[..., None] * x.times.double().diff(dim=-1)[..., None]
    if field is not None:
        change = change - moved_mass * explained_by(field, x)
    if not change.diff(dim=1).square().sum() < change[:, 1:].square().sum():
        return Push(x.q.new_zeros(x.dim).double())
    part = (mass / mass.sum(-2, keepdim=True)).square() * change.square().mean(1, keepdim=True).unsqueeze(-2)
    own, moved = each.square().mean((1, 3)), part.sum(-1).mean(1) / x.dim
    noise = (1e3 * torch.finfo(x.p.dtype).eps * p.abs().amax((1, 3))).square()
    told = (own > noise) & x.bodies.mask
    share = (moved / own)[told].sqrt()
    mean = (change.sum(1) / moved_mass.sum(1)).mean(0)
    if not len(share):
        return Push(mean)
    return Push(mean, share.max().item(), share.median().item(), _variation(change / moved_mass, mean))


def _variation(rates: Float[Tensor, "b k d"], mean: Float[Tensor, " d"]) -> float:
    """Return the root mean square of the departure from the mean, in units of the mean's length.

    It is that of neighbours two steps apart, whose noise is independent: what the noise of P does to Ṗ, and to the next
    Ṗ with the other sign, drops out but for two standard errors. With fewer than three steps it is the plain one.
    """
    rest = rates - mean
    pairs = (rest[:, 2:] * rest[:, :-2] if rest.shape[1] > 2 else rest.square()).sum(-1).flatten()
    found = pairs.mean() - (2 * pairs.std() / len(pairs) ** 0.5 if len(pairs) > 1 else 0.0)
    return (found.clamp(min=0) / mean.square().sum().clamp(min=torch.finfo(mean.dtype).tiny)).sqrt().item()


def explained_by(field: UniformField, x: Trajectory) -> Float[Tensor, " d"]:
    """Return the acceleration that a uniform field explains: along the axes where it is learned the mean of Ṗ/M.

    Args:
        field: the field; along the other axes its acceleration is what is given.
        x: trajectories, (k, time, n, d).
    """
    mean = mean_acceleration(x)
    return torch.where(field.axes.sum(0).to(mean) > 0, mean, field.given.to(mean))


def without_acceleration(x: Trajectory, g: Float[Tensor, " d"]) -> Trajectory:
    """Return trajectories as seen from a frame that falls with the acceleration g, q − g t²/2 and p − m g t.

    A uniform field is not felt there, and the forces among the bodies are the same. t is 0 at every first point.

    Args:
        x: trajectories, (k, time, n, d).
        g: the acceleration.
    """
    t = (x.times - x.times[:, :1]).double()[..., None, None]
    q, p = g * t.square() / 2, x.bodies.mass.double()[:, None, :, None] * g * t
    return replace(x, q=x.q - q.to(x.q), p=x.p - p.to(x.p))


def without_push(
    error: PhaseState, windows: Trajectory, times: Float[Tensor, "b s k1"], scales: PhaseState
) -> PhaseState:
    """Take out of the errors of every step what one acceleration of all bodies would explain.

    An acceleration a during a time h moves body i by a h²/2 and m_i a h. The errors, in units of `scales`, are
    projected on the complement of this direction, separately for every step and every axis.

    Args:
        error: errors of q and p in units of `scales`, (b, s, k, n, d).
        windows: the windows.
        times: the times of every segment, (b, s, k + 1).
        scales: the units, (b, 1, n, 1).
    """
    u = push_direction(windows, (times[..., 1:] - times[..., :1]).to(error.q.dtype), scales)
    share = (error.q * u.q + error.p * u.p).sum(-2, keepdim=True)
    return PhaseState(error.q - u.q * share, error.p - u.p * share)


def push_direction(windows: Trajectory, h: Float[Tensor, "b s k"], scales: PhaseState) -> PhaseState:
    """Return the direction, of length 1, in which one acceleration of all bodies moves q and p, (b, s, k, n, 1).

    Args:
        windows: the windows.
        h: durations of the acceleration, in the unit of the times.
        scales: the units of q and p, (b, 1, n, 1).
    """
    h = h[..., None, None]
    bodies = windows.bodies
    real = bodies.mask[:, None, None, :, None].to(h)
    q = h.square() / 2 * real / scales.q[:, None]
    p = h * bodies.mass[:, None, None, :, None] * real / scales.p[:, None]
    length = (q.square() + p.square()).sum(-2, keepdim=True).sqrt()
    return PhaseState(q / length, p / length)
