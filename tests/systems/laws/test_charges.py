"""Laws of systems: what the symmetry promises is conserved."""

from __future__ import annotations

import pytest
import torch

from lieham.integrate import integrate
from systems.laws.base import SystemField
from tests.helpers.cases import SYSTEMS
from tests.systems.laws.helpers import EXACT, drift, generator, over_systems, reference


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_declared_charges_and_the_energy_are_conserved(name):
    """Yoshida keeps P and L to round-off, the exact solution too: 1.3e-14 is the worst measured, over 200 points.

    The energy is as exact as the solution: Yoshida-6 with 4 steps between points, 1e-8 at worst.
    """
    system, x = SYSTEMS[name], reference(name)
    assert system.symmetry == f"SE({system.dim})"
    linear, angular = drift(system, x.states(), x.bodies)
    assert linear <= 1e-13 and angular <= 1e-13
    energy = system.hamiltonian().energy(x.states(), x.bodies.over_time())
    scale = energy.abs().max().clamp(min=1)
    assert (energy - energy[:, :1]).abs().max() / scale <= (1e-12 if name in EXACT else 1e-8)
    if system.n_bodies > 1:
        assert (x.p - x.p[:, :1]).abs().max() > 0.1


class Pulled(SystemField):
    """With a uniform field that pulls at the last body alone: no translation along it, no rotation is a symmetry."""

    def force(self, t, q):
        down = torch.zeros(q.shape[-2:], dtype=q.dtype)
        down[-1, 0] = 10.0
        return super().force(t, q) + down


@over_systems
def test_a_uniform_pull_is_seen_in_both_charges(system):
    """The negative of the law before it: same systems, same integrator, broken symmetry."""
    state, bodies = system.sample(20, generator(1))
    path = integrate(Pulled(system, bodies), state, system.times(50), "yoshida6", substeps=4)
    linear, angular = drift(system, path, bodies)
    assert linear > 1e-2 and angular > 1e-2


@pytest.mark.parametrize("name", ["springs 2-D", "springs with a rest length", "gravity 3-D"])
def test_rk4_keeps_momentum_and_loses_angular_momentum(name):
    """An integrator that cannot keep L is seen: 1e-5 to 9e-3 in 500 steps of the springs."""
    system = SYSTEMS[name]
    state, bodies = system.sample(20, generator(1))
    linear, angular = drift(system, integrate(system.field(bodies), state, system.times(50), "rk4"), bodies)
    assert linear <= 1e-13 and angular > 1e-10
