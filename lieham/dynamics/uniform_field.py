"""A uniform field of the environment gives all bodies one acceleration g, V = −Σ m_i g·q_i, as on Earth."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import torch
from torch import nn

from lieham.errors import expected
from lieham.groups.base import AXES
from lieham.state import Bodies, Trajectory
from lieham.typing import Float, Tensor


class UniformField(nn.Module):
    """A uniform field is the potential V(q) = −Σ_i m_i g·q_i, whose force on every body is m_i g.

    g is learned along some axes, or given. What is learned starts at 0, and is held in units of the accelerations of
    the training data. The field is in float64 until it is moved to another precision, as `float()` does.

    Args:
        dim: the dimension d of space.
        learned: numbers of the axes along which g is learned; along the others it is exactly what is given.
        given: g itself in the units of the data, (d,); 0 by default.

    Example:
        >>> import torch
        >>> from lieham import Bodies
        >>> from lieham.dynamics import UniformField
        >>> gravity = UniformField(3, given=(0.0, 0.0, -9.81))
        >>> q, mass = torch.tensor([[0.0, 0.0, 2.0]]).double(), torch.tensor([0.5]).double()
        >>> gravity(q, Bodies.of(mass)).item()
        9.81
    """

    unit: Tensor
    given: Tensor
    axes: Tensor

    def __init__(self, dim: int, learned: Sequence[int] = (), given: Sequence[float] | None = None):
        super().__init__()
        exact = torch.float64
        self.register_buffer("axes", torch.eye(dim, dtype=exact)[list(learned)], persistent=False)
        self.register_buffer("unit", torch.ones((), dtype=exact), persistent=bool(learned))
        self.register_buffer("given", torch.tensor(given or [0.0] * dim, dtype=exact), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(learned), dtype=exact)) if learned else None

    @property
    def components(self) -> Float[Tensor, " s"]:
        """The learned components of g in their unit."""
        assert self.weight is not None, "a field that is given has none"
        return self.weight

    @property
    def is_learned(self) -> bool:
        """This is True where training may change g."""
        return self.weight is not None and self.weight.requires_grad

    @property
    def explains_all(self) -> bool:
        """This is True where g is learned along all axes."""
        return len(self.axes) == len(self.given)

    @property
    def acceleration(self) -> Float[Tensor, " d"]:
        """The acceleration g of every body, in the units of the data."""
        return self.given if self.weight is None else self.given + self.unit * self.weight @ self.axes

    def forward(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        return -(self.weights(bodies) * q).sum((-1, -2))

    def weights(self, bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the forces m_i g, which are 0 for padding."""
        return (bodies.mass * bodies.mask)[..., None] * self.acceleration

    def basis(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch s"]:
        """Return ∂V/∂w, where w are the learned components of g in their unit.

        Args:
            q: positions.
            bodies: the bodies.
        """
        moment = ((bodies.mass * bodies.mask)[..., None] * q).sum(-2)
        return -self.unit * moment @ self.axes.mT

    @torch.no_grad()
    def calibrate(self, data: Trajectory) -> None:
        """Measure on training data the unit of g, the root mean square of |Δp|/(m Δt), and begin with the mean of Ṗ/M.

        Where the other forces leave the total momentum P unchanged, as those among the bodies do, that is g itself.
        """
        real = data.bodies.mask.to(data.p.dtype)[..., None, :]
        size = data.observed_forces().norm(dim=-1) / data.bodies.mass[..., None, :]
        mean = (size.square() * real).sum() / real.expand_as(size).sum()
        self.unit.copy_(torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt())
        if self.is_learned:
            self.components.copy_(self.axes @ (mean_acceleration(data).to(self.axes) - self.given) / self.unit)

    def __str__(self) -> str:
        return f"({', '.join(f'{x:.3g}' for x in self.acceleration.tolist())})"


def mean_acceleration(x: Trajectory) -> Float[Tensor, " d"]:
    """Return the mean of Ṗ/M, the acceleration of the centre of mass, over trajectories or windows (b, time, n, d).

    Args:
        x: the trajectories.
    """
    real = x.bodies.mask.double()
    if x.forces is not None:
        mass = (real * x.bodies.mass).sum() * x.times.shape[-1]
        return (x.forces.double() * real[:, None, :, None]).sum((0, 1, 2)) / mass
    change = ((x.p[:, -1] - x.p[:, 0]).double() * real[..., None]).sum((0, 1))
    duration = (x.times[:, -1] - x.times[:, 0]).double()
    return change / ((real * x.bodies.mass).sum(1) * duration).sum()


Declared = bool | str | Sequence[float]
"""A uniform field may be declared in these ways; see `declared_field`."""


def declared_field(declared: Declared | None, dim: int) -> UniformField | None:
    """Return the uniform field that is declared, or None.

    Args:
        declared: True or "true" where g is learned along all axes; names of axes such as "z" or "xy" where it is
            learned along these and is exactly 0 along the others; d numbers, or a text such as "0,0,-9.81", where it is
            given; False, None or "" where there is no field.
        dim: the dimension d of space.

    Raises:
        InputError: if it is none of these.

    Example:
        >>> from lieham.dynamics.uniform_field import declared_field
        >>> declared_field("0,0,-9.81", 3).acceleration.tolist()[:2], declared_field("z", 3).weight.shape
        ([0.0, 0.0], torch.Size([1]))
    """
    text = declaration(declared)
    if text in ("", "false"):
        return None
    if text == "true":
        return UniformField(dim, range(dim))
    if dim <= len(AXES) and set(text) <= set(AXES[:dim]) and len(set(text)) == len(text):
        return UniformField(dim, sorted(AXES.index(x) for x in text))
    try:
        given = [float(x) for x in text.split(",")]
    except ValueError:
        given = []
    if len(given) != dim or not all(map(isfinite, given)):
        axes = f"axes of {', '.join(AXES[:dim])} such as {AXES[dim - 1]!r}, " if dim <= len(AXES) else ""
        raise expected("uniform_field", f"True, {axes}or {dim} finite numbers, one an axis", repr(declared))
    return UniformField(dim, given=given)


def declaration(declared: Declared | None) -> str:
    """Return what is declared as text, which a file of settings can hold."""
    if declared is None or isinstance(declared, bool):
        return "true" if declared else ""
    if isinstance(declared, str):
        return declared.strip().lower()
    try:
        return ",".join(repr(float(x)) for x in declared)
    except (TypeError, ValueError) as error:
        raise expected("uniform_field", "True, names of axes or numbers, one an axis", repr(declared)) from error
