"""Trajectories hold states of bodies along time, and the forces and energies that are known there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from lieham._support.clock import exact_times
from lieham._support.polynomials import derivative
from lieham.bodies import Bodies as Bodies
from lieham.bodies import PhaseState as PhaseState
from lieham.bodies import check_all_finite, shape_of
from lieham.errors import InputError, expected
from lieham.typing import Float, Tensor


@dataclass(frozen=True)
class Trajectory:
    """A trajectory holds the states of some bodies along time.

    Build it with `Trajectory.of`, `Trajectory.from_velocities` or `Trajectory.from_positions`, which validate.

    Args:
        times: strictly increasing times (*batch, time), in float64 whatever the precision of q and p is.
        q: positions (*batch, time, n, d).
        p: momenta (*batch, time, n, d).
        bodies: masses, features and padding mask of (*batch, n) bodies.
        forces: the forces −∂V/∂q that are known at the points, like q, and None where they are not (`with_labels`).
        energy: the potential energies V that are known there, (*batch, time), up to a constant; None likewise.

    Example:
        >>> import torch
        >>> t, bodies = torch.linspace(0, 1, 5), Bodies.of(torch.full((1, 2), 3.0))
        >>> v = torch.ones(1, 5, 2, 3)
        >>> x = Trajectory.from_velocities(t, t[:, None, None] * v, v, bodies)
        >>> len(x), x.n_steps, x.dim, x.p.max().item()
        (1, 4, 3, 3.0)
        >>> x.window(1, 3).times.tolist()
        [[0.25, 0.5, 0.75]]
    """

    times: Float[Tensor, "*batch time"]
    q: Float[Tensor, "*batch time n d"]
    p: Float[Tensor, "*batch time n d"]
    bodies: Bodies
    forces: Float[Tensor, "*batch time n d"] | None = field(default=None, kw_only=True)
    energy: Float[Tensor, "*batch time"] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", self.times.to(torch.float64))

    @classmethod
    def of(cls, times: Tensor, q: Tensor, p: Tensor, bodies: Bodies) -> Trajectory:
        """Validate a trajectory; padded bodies are put at rest at the origin.

        Args:
            times: (*batch, time), or (time,) where the whole batch shares them; see `clock.exact_times`.
            q: positions (*batch, time, n, d).
            p: momenta like q.
            bodies: of shape (*batch, n), in the precision of q.

        Raises:
            InputError: shapes do not fit, values are not finite, or times do not strictly increase.
        """
        _check_shapes(q, "p", p, bodies)
        if times.shape not in (q.shape[:-2], q.shape[-3:-2]):
            raise expected("times", f"of shape {tuple(q.shape[:-2])} or {tuple(q.shape[-3:-2])}", shape_of(times))
        times, real = exact_times(times, q.dtype), bodies.mask[..., None, :, None]
        q, p = (torch.where(real, x, torch.zeros_like(x)) for x in (q, p))
        for name, x in (("times", times), ("q", q), ("p", p)):
            check_all_finite(name, x)
        if not bool((times.diff(dim=-1) > 0).all()):
            where = tuple((times.diff(dim=-1) <= 0).nonzero()[0].tolist())
            raise expected("times", "strictly increasing", f"a step that is not, at index {where}")
        return cls(times.expand(q.shape[:-2]), q, p, bodies)

    @classmethod
    def from_velocities(cls, times: Tensor, q: Tensor, v: Tensor, bodies: Bodies) -> Trajectory:
        """Build a trajectory with p = m v from velocities `v` of the shape of `q`; all else is as in `of`."""
        _check_shapes(q, "v", v, bodies)
        return cls.of(times, q, v * bodies.mass[..., None, :, None], bodies)

    @classmethod
    def from_positions(cls, times: Tensor, q: Tensor, bodies: Bodies) -> Trajectory:
        """Build a trajectory with p = m q̇ from positions alone, q̇ the derivative of q through 5 neighbouring times.

        The momenta are estimates. Tell `fit` so by `observed="positions"`, and it learns from the positions alone.

        Args:
            times, q, bodies: as in `of`, with at least 3 times.

        Raises:
            InputError: there are fewer than 3 times, and as `of` raises it.
        """
        _check_shapes(q, "q", q, bodies)
        if q.shape[-3] < 3:
            raise expected("times", "at least 3 where velocities are not observed", q.shape[-3])
        known = cls.of(times, q, torch.zeros_like(q), bodies)
        return cls.from_velocities(times, known.q, derivative(known.times, known.q), bodies)

    def with_labels(self, forces: Tensor, energy: Tensor | None = None) -> Trajectory:
        """Return the same trajectory with the forces, and the potential energies, that are known at its points.

        `fit` then learns from them alone, whatever the times and the momenta are.

        Args:
            forces: forces, (*batch, time, n, d), in the unit of momentum over time.
            energy: potential energies, (*batch, time), up to a constant for all states of the same bodies.

        Raises:
            InputError: shapes do not fit, or values are not finite.

        Example:
            >>> import torch
            >>> q, bodies = torch.randn(4, 1, 2, 3), Bodies.of(torch.ones(4, 2))
            >>> springs = Trajectory.of(torch.zeros(1), q, 0 * q, bodies).with_labels(q.flip(2) - q)
            >>> springs[:3].forces.shape
            torch.Size([3, 1, 2, 3])
        """
        for name, x, shape in (("forces", forces, self.q.shape), ("energy", energy, self.times.shape)):
            if x is None:
                continue
            if x.shape != shape:
                raise expected(name, f"of shape {tuple(shape)} for q of shape {tuple(self.q.shape)}", shape_of(x))
            real = self.bodies.mask[..., None, :, None] if name == "forces" else torch.ones_like(x, dtype=torch.bool)
            check_all_finite(name, torch.where(real, x, torch.zeros_like(x)))
        forces = torch.where(self.bodies.mask[..., None, :, None], forces, torch.zeros_like(forces)).to(self.q)
        return replace(self, forces=forces, energy=None if energy is None else energy.to(self.q))

    def observed_forces(self) -> Float[Tensor, "*batch points n d"]:
        """Return the forces at the points where they are known, and else their means Δp/Δt over every step."""
        if self.forces is not None:
            return self.forces
        return self.p.diff(dim=-3) / self.times.diff(dim=-1)[..., None, None].to(self.p.dtype)

    @property
    def labels(self) -> dict[str, Any]:
        """The forces and the energies by name, as arguments of a `Trajectory`."""
        return {"forces": self.forces, "energy": self.energy}

    def _labels(self, f: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """Apply `f` to the labels that are there."""
        return {name: None if x is None else f(x) for name, x in self.labels.items()}

    @property
    def n_steps(self) -> int:
        """The number of steps is that of the intervals between stored times."""
        return self.times.shape[-1] - 1

    @property
    def dim(self) -> int:
        """The dimension is that of space, d."""
        return self.q.shape[-1]

    @property
    def sizes(self) -> PhaseState:
        """The sizes by which the errors of each body are divided, beside a unit, are 1 here; (*batch, 1, n, 1)."""
        ones = torch.ones_like(self.bodies.mass)[..., None, :, None]
        return PhaseState(ones, ones)

    def state(self, index: int = 0) -> PhaseState:
        """Return the state (*batch, n, d) at one time index."""
        return PhaseState(self.q[..., index, :, :], self.p[..., index, :, :])

    def states(self) -> PhaseState:
        """Return all states (*batch, time, n, d)."""
        return PhaseState(self.q, self.p)

    def window(self, start: int, length: int) -> Trajectory:
        """Return the piece of `length` points that begins at index `start`; raise InputError where it does not fit."""
        if length < 1 or not 0 <= start <= self.times.shape[-1] - length:
            points = self.times.shape[-1]
            raise InputError(f"window must lie in the {points} stored points, got start={start}, length={length}")
        t = slice(start, start + length)
        forces = None if self.forces is None else self.forces[..., t, :, :]
        energy = None if self.energy is None else self.energy[..., t]
        q, p = (x[..., t, :, :] for x in (self.q, self.p))
        return replace(self, times=self.times[..., t], q=q, p=p, forces=forces, energy=energy)

    def __len__(self) -> int:
        return self.q.shape[0]

    def __getitem__(self, index: Any) -> Trajectory:
        """Select along the first batch axis, as a tensor is indexed; raise InputError for a single trajectory."""
        if self.q.ndim < 4:
            raise InputError("a single trajectory has no batch axis to index: q must be (*batch, time, n, d)")
        bodies = self.bodies.map(lambda x: x[index])
        return Trajectory(self.times[index], self.q[index], self.p[index], bodies, **self._labels(lambda x: x[index]))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Trajectory:
        """Move all tensors to a device and cast those that are floating, except the times, which stay float64."""
        q, p = (x.to(device=device, dtype=dtype) for x in (self.q, self.p))
        labels = self._labels(lambda x: x.to(device=device, dtype=dtype))
        return Trajectory(self.times.to(device=device), q, p, self.bodies.to(device, dtype), **labels)


def _check_shapes(q: Tensor, name: str, p: Tensor, bodies: Bodies) -> None:
    if q.ndim < 3:
        raise expected("q", "of shape (*batch, time, n, d)", shape_of(q))
    if p.shape != q.shape:
        raise expected(name, f"of shape {tuple(q.shape)} like q", shape_of(p))
    wanted = tuple(q.shape[:-3] + q.shape[-2:-1])
    for label, x in (("q", q), (name, p), ("mass", bodies.mass)):
        if not x.is_floating_point() or x.dtype != q.dtype:
            like = "" if label == "q" else f", {q.dtype} like q"
            raise expected(label, f"of floating numbers{like}", x.dtype)
    if bodies.mass.shape != wanted:
        raise expected("mass", f"of shape {wanted} for q of shape {tuple(q.shape)}", shape_of(bodies.mass))
