"""What integrators keep: reversal, first integrals, the symplectic form."""

from __future__ import annotations

from dataclasses import replace

import torch

from lieham.integrate import SeparableField, Splitting, make_integrator
from lieham.integrate.gauss import Gauss
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import (
    ACCURACY,
    ADAPTIVE,
    Driven,
    Melting,
    Pendulums,
    gap,
    grid,
    last,
    over,
    pairs,
    start,
    tight,
    truth,
)

SYMMETRIC = [i for i in INTEGRATORS if isinstance(i, (Splitting, Gauss))]
NOT_SYMMETRIC = [make_integrator(name) for name in ("rk4", "rkn4", "euler")]


class Cluster(SeparableField):
    """Bodies of different mass that attract by the pair potential √(1 + r²): it keeps P and L."""

    linear_velocity = True
    mass = torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)

    def velocity(self, t, p):
        return p / self.mass[:, None]

    def force(self, t, q):
        r = q[..., :, None, :] - q[..., None, :, :]
        return -(r / (1 + r.square().sum(-1, keepdim=True)).sqrt()).sum(-2)


def angular_momentum(path: PhaseState) -> torch.Tensor:
    return (path.q[..., 0] * path.p[..., 1] - path.q[..., 1] * path.p[..., 0]).sum(-1)


@pairs(SYMMETRIC + NOT_SYMMETRIC, [Pendulums, Driven, Melting])
def test_reversal(integrator, field):
    """Symmetric methods return to where they came from; the others do not."""
    z, times = start(3, 2), grid(12.0, 60)
    back = integrator.integrate(field(), last(integrator.integrate(field(), z, times)), times.flip(0))
    assert (gap(last(back), z) < 1e-11) == (integrator in SYMMETRIC)


@over(INTEGRATORS)
def test_backwards_in_time(integrator):
    """From the end back along the same grid, to the start."""
    z, times = start(2, 1), grid(1.0, 4 if integrator in ADAPTIVE else 60)
    end = truth(Driven, (2, 1), 1.0)
    back = last(tight(integrator).integrate(Driven(), end, times.flip(0)))
    assert gap(back, z) < ACCURACY.get(integrator.order, 1e-6)


@over(INTEGRATORS)
def test_first_integrals(integrator):
    """P is kept by all to round-off, L by those that declare it, and visibly lost by those that do not."""
    integrator = replace(integrator, rtol=1e-3, atol=1e-3) if integrator in ADAPTIVE else integrator
    path = integrator.integrate(Cluster(), start(4, 2), grid(8.0, 20))
    momentum, spin = path.p.sum(-2), angular_momentum(path)
    assert integrator.keeps_linear
    assert (momentum - momentum[0]).abs().max() < 1e-12
    drift = (spin - spin[0]).abs().max()
    assert drift < 1e-13 if integrator.keeps_quadratic else drift > 1e-7


@over(INTEGRATORS)
def test_symplectic(integrator):
    """Mᵀ Ω M = Ω for the Jacobian M of the flow, where declared and nowhere else."""
    integrator = replace(integrator, rtol=1e-3, atol=1e-3) if integrator in ADAPTIVE else integrator
    z = start(2, 1)

    def flow(x):
        q, p = last(integrator.integrate(Driven(), PhaseState(x[:2, None], x[2:, None]), grid(4.0, 8)))
        return torch.cat([q, p]).flatten()

    m = torch.autograd.functional.jacobian(flow, torch.cat([z.q, z.p]).flatten())
    omega = torch.kron(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=m.dtype), torch.eye(2, dtype=m.dtype))
    assert ((m.T @ omega @ m - omega).abs().max() < 1e-12) == integrator.symplectic
