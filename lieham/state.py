"""What moves: phase-space states, the bodies they belong to, and trajectories of both.

symbol → variable: q → `q`, p → `p`, m → `mass`; a padded body has `mask` False.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from lieham._support.polynomials import derivative
from lieham.errors import InputError, expected
from lieham.typing import Bool, Float, Tensor


class PhaseState(NamedTuple):
    """A point of phase space, or a tangent vector (dq, dp) to it: `q`, `p` of shape (*batch, n, d).

    A NamedTuple, so that torch.func, torch.compile and torchdiffeq see through it.
    """

    q: Float[Tensor, "*batch n d"]
    p: Float[Tensor, "*batch n d"]

    def shift(self, dq: Tensor | None = None, dp: Tensor | None = None) -> PhaseState:
        """(q + dq, p + dp); integrators move states by this method alone (see `integrate.compensated`)."""
        return PhaseState(self.q if dq is None else self.q + dq, self.p if dp is None else self.p + dp)

    def to(self, *args, **kwargs) -> PhaseState:
        """Both tensors through `Tensor.to`."""
        return PhaseState(self.q.to(*args, **kwargs), self.p.to(*args, **kwargs))


@dataclass(frozen=True)
class Bodies:
    """What a body is, apart from where it is.

    `mass` (*batch, n), positive; `features` (*batch, n, c), charges, spring constants and the like, c may be 0;
    `mask` (*batch, n), True where the body is real. Build it with `Bodies.of`, which validates.
    """

    mass: Float[Tensor, "*batch n"]
    features: Float[Tensor, "*batch n c"]
    mask: Bool[Tensor, "*batch n"]

    @classmethod
    def of(cls, mass: Tensor, features: Tensor | None = None, mask: Tensor | None = None) -> Bodies:
        """Validate and fill in: no features means c = 0, no mask means all real; padded bodies get mass 1.

        Raises InputError on wrong shapes, on a mass that is not finite and positive, on features not finite, and on a
        system without a real body.
        """
        if mask is None:
            mask = torch.ones_like(mass, dtype=torch.bool)
        if features is None:
            features = mass.new_zeros(*mass.shape, 0)
        if mask.shape != mass.shape or mask.dtype != torch.bool:
            raise expected("mask", f"bool of shape {tuple(mass.shape)} like mass", _shape(mask))
        if features.shape[:-1] != mass.shape:
            raise expected("features", f"of shape {tuple(mass.shape)} + (c,) like mass", _shape(features))
        if not bool(mask.any(-1).all()):
            raise expected("mask", "True for at least one body of each system", "a system without bodies")
        mass = torch.where(mask, mass, torch.ones_like(mass))
        features = torch.where(mask[..., None], features, torch.zeros_like(features))
        if not bool((torch.isfinite(mass) & (mass > 0)).all()):
            bad = mass[~(torch.isfinite(mass) & (mass > 0))][0].item()
            raise expected("mass", "finite and positive for every body", f"{bad:g}")
        _check_finite("features", features)
        return cls(mass, features, mask)

    def map(self, f) -> Bodies:
        """`f` applied to each tensor."""
        return Bodies(f(self.mass), f(self.features), f(self.mask))

    def to(self, device=None, dtype=None) -> Bodies:
        """Move to a device and cast the floating tensors."""
        return Bodies(
            self.mass.to(device=device, dtype=dtype),
            self.features.to(device=device, dtype=dtype),
            self.mask.to(device=device),
        )

    def over_time(self) -> Bodies:
        """With a time axis of length 1 before the bodies, to stand beside (*batch, time, n, d) states."""
        return Bodies(self.mass.unsqueeze(-2), self.features.unsqueeze(-3), self.mask.unsqueeze(-2))


@dataclass(frozen=True)
class Trajectory:
    """States along time: `times` (*batch, time), `q`, `p` (*batch, time, n, d), and the `bodies`.

    Build it with `Trajectory.of`, `Trajectory.from_velocities` or `Trajectory.from_positions`, which validate.
    """

    times: Float[Tensor, "*batch time"]
    q: Float[Tensor, "*batch time n d"]
    p: Float[Tensor, "*batch time n d"]
    bodies: Bodies

    @classmethod
    def of(cls, times: Tensor, q: Tensor, p: Tensor, bodies: Bodies) -> Trajectory:
        """Validate; `times` of shape (time,) is shared by the whole batch.

        Padded bodies are put at rest at the origin. Raises InputError on shapes that do not fit, values that
        are not finite, and times that do not strictly increase.
        """
        _check_shapes(q, "p", p, bodies)
        if times.shape not in (q.shape[:-2], q.shape[-3:-2]):
            raise expected("times", f"of shape {tuple(q.shape[:-2])} or {tuple(q.shape[-3:-2])}", _shape(times))
        real = bodies.mask[..., None, :, None]
        q, p = (torch.where(real, x, torch.zeros_like(x)) for x in (q, p))
        for name, x in (("times", times), ("q", q), ("p", p)):
            _check_finite(name, x)
        if not bool((times.diff(dim=-1) > 0).all()):
            where = tuple((times.diff(dim=-1) <= 0).nonzero()[0].tolist())
            raise expected("times", "strictly increasing", f"a step that is not, at index {where}")
        return cls(times.expand(q.shape[:-2]), q, p, bodies)

    @classmethod
    def from_velocities(cls, times: Tensor, q: Tensor, v: Tensor, bodies: Bodies) -> Trajectory:
        """p = m v, for whoever observes velocities `v` of the shape of `q`."""
        _check_shapes(q, "v", v, bodies)
        return cls.of(times, q, v * bodies.mass[..., None, :, None], bodies)

    @classmethod
    def from_positions(cls, times: Tensor, q: Tensor, bodies: Bodies) -> Trajectory:
        """p = m q̇ for whoever observes positions alone, q̇ the derivative of q through 5 neighbouring times.

        An estimate: for `fit` say `observed="positions"`, and it takes the positions alone for observed. InputError on
        fewer than 3 times, and as `of` does.
        """
        _check_shapes(q, "q", q, bodies)
        if q.shape[-3] < 3:
            raise expected("times", "at least 3 where velocities are not observed", q.shape[-3])
        known = cls.of(times, q, torch.zeros_like(q), bodies)
        return cls.from_velocities(times, known.q, derivative(known.times, known.q), bodies)

    @property
    def n_steps(self) -> int:
        """Number of intervals between stored times."""
        return self.times.shape[-1] - 1

    @property
    def dim(self) -> int:
        """Space dimension d."""
        return self.q.shape[-1]

    def state(self, index: int = 0) -> PhaseState:
        """The state at one time index, (*batch, n, d)."""
        return PhaseState(self.q[..., index, :, :], self.p[..., index, :, :])

    def states(self) -> PhaseState:
        """All states, (*batch, time, n, d)."""
        return PhaseState(self.q, self.p)

    def window(self, start: int, length: int) -> Trajectory:
        """The piece of `length` points that begins at time index `start`."""
        if length < 1 or not 0 <= start <= self.times.shape[-1] - length:
            points = self.times.shape[-1]
            raise InputError(f"window must lie in the {points} stored points, got start={start}, length={length}")
        t = slice(start, start + length)
        return replace(self, times=self.times[..., t], q=self.q[..., t, :, :], p=self.p[..., t, :, :])

    def __len__(self) -> int:
        return self.q.shape[0]

    def __getitem__(self, index) -> Trajectory:
        """Select along the first batch axis."""
        if self.q.ndim < 4:
            raise InputError("a single trajectory has no batch axis to index: q must be (*batch, time, n, d)")
        bodies = self.bodies.map(lambda x: x[index])
        return Trajectory(self.times[index], self.q[index], self.p[index], bodies)

    def to(self, device=None, dtype=None) -> Trajectory:
        """Move to a device and cast the floating tensors."""
        times, q, p = (x.to(device=device, dtype=dtype) for x in (self.times, self.q, self.p))
        return Trajectory(times, q, p, self.bodies.to(device, dtype))


def _shape(x: Tensor) -> str:
    return f"{tuple(x.shape)}" if x.dtype != torch.bool else f"bool {tuple(x.shape)}"


def _check_shapes(q: Tensor, name: str, p: Tensor, bodies: Bodies) -> None:
    if q.ndim < 3:
        raise expected("q", "of shape (*batch, time, n, d)", _shape(q))
    if p.shape != q.shape:
        raise expected(name, f"of shape {tuple(q.shape)} like q", _shape(p))
    wanted = tuple(q.shape[:-3] + q.shape[-2:-1])
    for label, x in (("q", q), (name, p), ("mass", bodies.mass)):
        if not x.is_floating_point() or x.dtype != q.dtype:
            like = "" if label == "q" else f", {q.dtype} like q"
            raise expected(label, f"of floating numbers{like}", x.dtype)
    if bodies.mass.shape != wanted:
        raise expected("mass", f"of shape {wanted} for q of shape {tuple(q.shape)}", _shape(bodies.mass))


def _check_finite(name: str, x: Tensor) -> None:
    finite = torch.isfinite(x)
    if not bool(finite.all()):
        where = tuple((~finite).nonzero()[0].tolist())
        raise expected(name, "finite", f"{x[where].item()} at index {where}")
