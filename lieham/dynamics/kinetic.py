"""Kinetic energies K(p): the velocity that follows, and the motions that leave K unchanged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn

from lieham.groups import Group
from lieham.state import Bodies
from lieham.typing import Bool, Float, Tensor


class Kinetic(nn.Module, ABC):
    """A kinetic energy K(p) of momenta and bodies, which says itself what it is invariant under."""

    equation: ClassVar[str] = "K(p)"
    """How reports write it."""
    linear_velocity: ClassVar[bool] = False
    """∂K/∂p is linear in p: Nyström methods need that."""
    galilean: ClassVar[bool] = False
    """The velocity is p/m, so that the centre of mass moves with the total momentum, M q̇_cm = P."""

    @abstractmethod
    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        """K, one number for each system of the batch."""

    @abstractmethod
    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """∂K/∂p, which must be 0 for padding."""

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        """For each generator x ↦ A x + b of the group, whether its lift p ↦ −Aᵀp to momenta leaves K unchanged.

        By default only translations do, A = 0, which move no momentum; a K with more symmetry says so.
        """
        A, _ = group.generators()
        return A.abs().sum((1, 2)) == 0


class Newtonian(Kinetic):
    """K = Σ |p_i|² / 2m_i, with velocity p/m, linear in p; every motion that keeps lengths leaves it unchanged."""

    equation = "K = Σ|p|²/2m"
    linear_velocity = True
    galilean = True

    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        kinetic = p.square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1)

    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """p/m; 0 for padding."""
        return p / bodies.mass[..., None] * bodies.mask[..., None]

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        return group.isometries
