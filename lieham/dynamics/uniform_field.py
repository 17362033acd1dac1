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
    the training data.

    Args:
        dim: the dimension d of space.
        learned: numbers of the axes along which g is learned; along the others it is exactly what is given.
        given: g itself in the units of the data, (d,); 0 by default.

    Example:
        >>> import torch
        >>> from lieham import Bodies
        >>> from lieham.dynamics import UniformField
        >>> gravity = UniformField(3, given=(0.0, 0.0, -9.81))
        >>> gravity(torch.tensor([[0.0, 0.0, 2.0]]), Bodies.of(torch.tensor([0.5]))).item()
        9.8100004196167
    """

    unit: Tensor
    given: Tensor
    axes: Tensor

    def __init__(self, dim: int, learned: Sequence[int] = (), given: Sequence[float] | None = None):
        super().__init__()
        self.register_buffer("axes", torch.eye(dim)[list(learned)], persistent=False)
        self.register_buffer("unit", torch.ones(()), persistent=bool(learned))
        self.register_buffer("given", torch.tensor(given or [0.0] * dim), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(learned))) if learned else None

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
        """Measure the unit of g, the root mean square acceleration |Δp|/(m Δt) of the bodies in training data."""
        real = data.bodies.mask.to(data.p.dtype)[..., None, :]
        h = data.times.diff(dim=-1)[..., None].to(data.p.dtype)
        size = data.p.diff(dim=-3).norm(dim=-1) / (h * data.bodies.mass[..., None, :])
        mean = (size.square() * real).sum() / real.expand_as(size).sum()
        self.unit.copy_(torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt())

    def __str__(self) -> str:
        return f"({', '.join(f'{x:.3g}' for x in self.acceleration.tolist())})"


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
