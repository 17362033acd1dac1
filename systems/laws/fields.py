"""Springs in external fields, which break SE(3) to a subgroup: uniform gravity and a uniform magnetic field along z."""

from __future__ import annotations

from math import isfinite

import torch

from lieham.dynamics.hamiltonian import GeneralHamiltonian, Hamiltonian
from lieham.errors import expected
from lieham.integrate import Field
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor
from systems.laws.base import Force
from systems.laws.springs import Springs


class FallingSprings(Springs):
    """Springs in uniform gravity: V = V_springs + g Σ m_i z_i in 3-D; unit-less, g = 1 by default.

    The law is invariant under SE(2) across z alone, so P_x, P_y and L_z are kept. In the falling frame gravity is not
    felt, so `solve` is exact: the springs' motion, less g t²/2 in z and m g t in p_z.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, which has to be 3.
        g: the acceleration along −z, finite.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "falling-springs"
    truth = "exact"

    def __init__(self, n_bodies: int = 6, dim: int = 3, *, g: float = 1.0):
        super().__init__(n_bodies, _space(dim))
        self.g = _finite("g", g)
        self.symmetry = "SE(2)xTrivial(1)"

    @property
    def parameters(self) -> dict:
        return {"g": self.g}

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        return super().potential(q, bodies) + self.g * (bodies.mass * bodies.mask * q[..., 2]).sum(-1)

    def force(self, bodies: Bodies) -> Force:
        springs = super().force(bodies)
        weight = torch.nn.functional.pad(-self.g * (bodies.mass * bodies.mask)[..., None], (2, 0))
        return lambda q: springs(q) + weight

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """The exact solution: the springs' motion in the falling frame."""
        path = super().solve(state, bodies, times)
        t = (times - times[..., :1]).to(path.q.dtype)[..., None]
        mass = (bodies.mass * bodies.mask)[..., None, :]
        q, p = path.q.clone(), path.p.clone()
        q[..., 2] -= 0.5 * self.g * t.square() * bodies.mask[..., None, :]
        p[..., 2] -= self.g * t * mass
        return PhaseState(q, p)


class MagneticSprings(Springs):
    """Springs in a magnetic field B along z, k being the charge too: H = Σ|p_i − k_i B × q_i / 2|²/2m_i + V_springs.

    p is canonical, and H is not separable. It is invariant under SO(2) about z and T along z, so canonical L_z and P_z
    are kept. The law is unit-less, with B = 1 by default. The motion is linear, so `solve` is exact: e^{tM} z₀ with
    M = J ∇²H.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, which has to be 3.
        B: the field along z, finite.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "magnetic-springs"
    truth = "exact"

    def __init__(self, n_bodies: int = 6, dim: int = 3, *, B: float = 1.0):
        super().__init__(n_bodies, _space(dim))
        self.B = _finite("B", B)
        self.symmetry = "SO(2)xT(1)"

    @property
    def parameters(self) -> dict:
        return {"B": self.B}

    def vector_potential(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the vector potential a_i = k_i B × q_i / 2 at every body."""
        x, y, z = q.unbind(-1)
        return 0.5 * self.B * bodies.features[..., :1] * torch.stack([-y, x, torch.zeros_like(z)], -1)

    def energy(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch"]:
        """Return the energy H(q, p) of every system of a batch."""
        kinetic = (state.p - self.vector_potential(state.q, bodies)).square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1) + self.potential(state.q, bodies)

    def hamiltonian(self) -> Hamiltonian:
        return GeneralHamiltonian(self.energy)

    def field(self, bodies: Bodies) -> Field:
        return MagneticField(self, bodies)

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """e^{tM} z₀, with one matrix exponential for each step of the grid that differs from the one before."""
        n, d = state.q.shape[-2:]
        z = torch.cat([state.q.flatten(-2), state.p.flatten(-2)], -1).double()
        field, batch = self.field(bodies.to(dtype=z.dtype)), state.q.shape[:-2]
        basis = torch.eye(2 * n * d, dtype=z.dtype).expand(*batch, -1, -1).movedim(-1, 0)
        columns = [torch.cat([x.flatten(-2) for x in field(times.new_zeros(()), _state(e, n, d))], -1) for e in basis]
        M, path = torch.stack(columns, -1), [z]
        grid = times.double().expand(*batch, -1)
        step = power = torch.empty(0)
        for k in range(1, times.shape[-1]):
            h = grid[..., k] - grid[..., k - 1]
            if k == 1 or not torch.allclose(h, step, rtol=1e-12, atol=0):
                step, power = h, torch.linalg.matrix_exp(h[..., None, None] * M)
            path.append((power @ path[-1][..., None])[..., 0])
        return _state(torch.stack(path, -2), n, d, state.q.dtype)


class MagneticField(Field):
    """The field q̇ = (p − a)/m, ṗ = F_springs + (∂a/∂q)ᵀ q̇, in closed form."""

    def __init__(self, system: MagneticSprings, bodies: Bodies):
        self._system, self._bodies = system, bodies
        self._springs = system.force(bodies)
        self._half = 0.5 * system.B * bodies.features[..., 0] * bodies.mask

    def __call__(self, t: Tensor, state: PhaseState) -> PhaseState:
        bodies = self._bodies
        a = self._system.vector_potential(state.q, bodies)
        v = (state.p - a) * (bodies.mask / bodies.mass)[..., None]
        turned = torch.stack([v[..., 1], -v[..., 0], torch.zeros_like(v[..., 2])], -1)
        return PhaseState(v, self._springs(state.q) + self._half[..., None] * turned)


def _state(z: Tensor, n: int, d: int, dtype: torch.dtype | None = None) -> PhaseState:
    q, p = z.to(dtype or z.dtype).unflatten(-1, (2, n, d)).unbind(-3)
    return PhaseState(q, p)


def _space(dim: int) -> int:
    if dim != 3:
        raise expected("dim", "3 for a field along z", dim)
    return dim


def _finite(name: str, value: float) -> float:
    if not isfinite(value):
        raise expected(name, "finite", value)
    return value
