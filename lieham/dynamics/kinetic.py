"""A kinetic energy K(p) gives the velocity, and says which motions leave K unchanged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn

from lieham.groups import Group
from lieham.state import Bodies
from lieham.typing import Bool, Float, Tensor


class Kinetic(nn.Module, ABC):
    """A kinetic energy K(p) of momenta and bodies says itself what it is invariant under."""

    equation: ClassVar[str] = "K(p)"
    """Reports write K in this way."""
    linear_velocity: ClassVar[bool] = False
    """This is True if ∂K/∂p is linear in p, as Nyström methods need it."""
    galilean: ClassVar[bool] = False
    """This is True if the velocity is p/m, so that the centre of mass moves with the total momentum, M q̇_cm = P."""

    @abstractmethod
    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        """Return K, one number for each system of the batch."""

    @abstractmethod
    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the velocity ∂K/∂p, which must be 0 for padding."""

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        """Return for each generator x ↦ A x + b of the group whether its lift p ↦ −Aᵀp leaves K unchanged.

        By default only translations do, for which A = 0, since they move no momentum. A K with more symmetry overrides
        this method.
        """
        A, _ = group.generators()
        return A.abs().sum((1, 2)) == 0


class Newtonian(Kinetic):
    """Newton's K = Σ |p_i|² / 2m_i has the velocity p/m, linear in p; motions that keep lengths leave it unchanged."""

    equation = "K = Σ|p|²/2m"
    linear_velocity = True
    galilean = True

    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        kinetic = p.square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1)

    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the velocity p/m, which is 0 for padding."""
        return p / bodies.mass[..., None] * bodies.mask[..., None]

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        return group.isometries
