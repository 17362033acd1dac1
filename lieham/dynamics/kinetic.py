"""A kinetic energy K(p) gives the velocity, and says which motions leave K unchanged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy, deepcopy
from typing import ClassVar

import torch
from torch import nn

from lieham.groups import Group
from lieham.state import Bodies
from lieham.typing import Bool, Float, Tensor

DRAWS = 24
"""A kinetic energy is asked at this many random momenta."""
SMALL = {torch.float64: 1e-10, torch.float32: 1e-4}
"""A sum that must vanish may be this part of the sizes of its terms."""
MOST_FEATURES = 8
"""A kinetic energy that reads features is asked with up to this many of them, where no bodies are given."""


class Kinetic(nn.Module, ABC):
    """A kinetic energy K(p) of momenta and bodies says itself what it is invariant under.

    By default it finds out from its own velocity ∂K/∂p at random momenta in float64; a subclass that knows the answer
    may override `keeps`, `keeps_orbit` and `keeps_centre`.

    Example:
        K = ½ pᵀ M⁻¹ p with M = diag(1, 4) is kept by the turns of an ellipse, and not by those of a circle.

        >>> import torch
        >>> from lieham.dynamics import Kinetic
        >>> from lieham.groups import CustomGroup, make_group
        >>> class Elliptic(Kinetic):
        ...     def forward(self, p, bodies):
        ...         return 0.5 * (p * self.velocity(p, bodies)).sum((-2, -1))
        ...     def velocity(self, p, bodies):
        ...         return p * torch.tensor([1.0, 0.25], dtype=p.dtype)
        >>> ellipse = CustomGroup("ellipse", torch.tensor([[[0.0, -2.0], [0.5, 0.0]]]), torch.zeros(1, 2))
        >>> Elliptic().keeps(ellipse).tolist(), Elliptic().keeps(make_group("SO(2)")).tolist()
        ([True], [False])
    """

    equation: ClassVar[str] = "K(p)"
    """Reports write K in this way."""
    linear_velocity: ClassVar[bool] = False
    """This is True if ∂K/∂p is linear in p, as Nyström methods need it."""
    _given: Bodies | None = None

    @abstractmethod
    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        """Return K, one number for each system of the batch."""

    @abstractmethod
    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the velocity ∂K/∂p, which must be 0 for padding."""

    def on(self, bodies: Bodies | None) -> Kinetic:
        """Return the same K, which answers for the bodies (b, n) if there are some, in place of random ones."""
        if bodies is None:
            return self
        given = copy(self)
        given._given = bodies
        return given

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        """Return for each generator x ↦ A x + b of the group whether its lift p ↦ −Aᵀp leaves K unchanged.

        K is unchanged where Σ_i ∂K/∂p_i · Aᵀp_i = 0. By default the sum is taken at random momenta in float64, and 0
        within 1e-10 of the sizes of its terms.

        Args:
            group: the group whose generators are asked about.
        """
        asked = self._asked(group.space_dim)
        if asked is None:
            A, _ = group.generators()
            return A.abs().sum((1, 2)) == 0
        p, v, _ = asked
        A, _ = group.generators(p.dtype)
        lifted = torch.einsum("kji,bnj->kbni", A, p)
        return _vanishes((v * lifted).sum(-1), v.norm(dim=-1) * lifted.norm(dim=-1))

    def keeps_orbit(self, group: Group) -> Bool[Tensor, " k"]:
        """Return for each generator whether the motion of the centre of mass leaves P · A q_cm unchanged, given P.

        This is so where P · A q̇_cm = 0 with q̇_cm = Σ m_i ∂K/∂p_i / M, as for turns if velocities are p/m.

        Args:
            group: the group whose generators are asked about.
        """
        asked = self._asked(group.space_dim)
        if asked is None:
            return torch.zeros(group.lie_dim, dtype=torch.bool)
        p, v, mass = asked
        A, _ = group.generators(p.dtype)
        total, centre = p.sum(1), (mass * v).sum(1)
        moved = torch.einsum("kij,bj->kbi", A, centre)
        size = p.norm(dim=-1).sum(1) * (mass * v).norm(dim=-1).sum(1) * A.flatten(1).norm(dim=1)[:, None]
        return _vanishes((total * moved)[..., None, :].sum(-1), size[..., None])

    def keeps_centre(self, dim: int) -> Bool[Tensor, " d"]:
        """Return for each axis whether the centre of mass moves with the total momentum, M q̇_cm = P.

        Args:
            dim: the dimension d of space.
        """
        asked = self._asked(dim)
        if asked is None:
            return torch.zeros(dim, dtype=torch.bool)
        p, v, mass = asked
        return _vanishes((p - mass * v).movedim(-1, 0), (p.abs() + (mass * v).abs()).movedim(-1, 0))

    @torch.no_grad()
    def _asked(self, dim: int) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return random momenta, their velocities and the masses; None where K can be evaluated on none of them.

        It is asked in float64 where its own numbers allow it, and in float32 otherwise.
        """
        for dtype in SMALL:
            own = deepcopy(self).to(dtype)
            for tried in [_rows(self._given)] if self._given is not None else map(_bodies, range(MOST_FEATURES + 1)):
                some = tried.to(dtype=dtype)
                p = _momenta(some, dim)
                try:
                    v = own.velocity(p, some).detach()
                except (RuntimeError, IndexError, ValueError):
                    continue
                if v.shape == p.shape and v.dtype == dtype and bool(torch.isfinite(v).all()):
                    return p, v, some.mass[..., None]
        return None


def _bodies(features: int) -> Bodies:
    """Return three bodies with random masses and features for each draw."""
    generator = torch.Generator().manual_seed(features)
    random = 0.5 + torch.rand(DRAWS, 3, 1 + features, generator=generator, dtype=torch.float64)
    return Bodies.of(random[..., 0], random[..., 1:])


def _rows(bodies: Bodies) -> Bodies:
    """Return systems of a batch, or the only one, over and over, one for each draw."""
    whole = bodies.map(lambda x: x.cpu()) if bodies.mass.ndim > 1 else bodies.map(lambda x: x.cpu()[None])
    return whole.map(lambda x: x[torch.arange(DRAWS) % len(x)])


def _momenta(bodies: Bodies, dim: int) -> Float[Tensor, "b n d"]:
    """Draw momenta of velocities from 0.1 to 10, which are 0 for padding."""
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(*bodies.mass.shape, dim, generator=generator, dtype=torch.float64)
    speed = torch.logspace(-1, 1, len(random), dtype=torch.float64)[:, None, None]
    return (speed * random).to(bodies.mass) * (bodies.mass * bodies.mask)[..., None]


def _vanishes(terms: Float[Tensor, "k b n"], sizes: Float[Tensor, "k b n"]) -> Bool[Tensor, " k"]:
    """Return for each generator whether the sums of the terms over bodies are round-off of the sums of their sizes."""
    return (terms.sum(-1).abs() <= SMALL[terms.dtype] * sizes.sum(-1)).all(1)


class Newtonian(Kinetic):
    """Newton's K = Σ |p_i|² / 2m_i has the velocity p/m, linear in p; motions that keep lengths leave it unchanged."""

    equation = "K = Σ|p|²/2m"
    linear_velocity = True

    def forward(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        kinetic = p.square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1)

    def velocity(self, p: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the velocity p/m, which is 0 for padding."""
        return p / bodies.mass[..., None] * bodies.mask[..., None]

    def keeps(self, group: Group) -> Bool[Tensor, " k"]:
        A, _ = group.generators()
        return (A + A.mT).flatten(1).norm(dim=1) <= SMALL[torch.float64] * A.flatten(1).norm(dim=1)

    def keeps_orbit(self, group: Group) -> Bool[Tensor, " k"]:
        return self.keeps(group)

    def keeps_centre(self, dim: int) -> Bool[Tensor, " d"]:
        return torch.ones(dim, dtype=torch.bool)
