"""External fields: gravity and a magnetic field break SE(3) to a subgroup."""

from __future__ import annotations

import pytest
import torch

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.integrate import integrate
from lieham.state import PhaseState
from systems import FallingSprings, MagneticSprings
from tests.helpers.dynamics import BROKEN, KEPT, LAWS, ROUND_OFF, ZERO, drifts, laws

HIDDEN = {"falling": {"L_cm_x", "L_cm_y"}, "magnetic": {"K_z"}}
"""What the law keeps beyond the symmetry declared: uniform gravity turns nothing, and ż = p_z/m in a field along z."""


@laws
def test_the_closed_field_is_j_grad_h(name):
    system = LAWS[name]
    state, bodies = system.sample(5, torch.Generator().manual_seed(0))
    plain = GeneralHamiltonian(system.hamiltonian().energy).field(bodies)(ZERO, state)
    torch.testing.assert_close(system.field(bodies)(ZERO, state), plain, rtol=1e-12, atol=1e-12)


@laws
@pytest.mark.parametrize("direction", [1, -1])
def test_the_exact_solution_is_the_flow(name, direction):
    system = LAWS[name]
    state, bodies = system.sample(3, torch.Generator().manual_seed(0))
    times = direction * torch.linspace(0, 1, 11, dtype=torch.float64)
    path = integrate(system.field(bodies), state, times, "gauss6", substeps=20)
    torch.testing.assert_close(system.solve(state, bodies, times), path, rtol=1e-9, atol=1e-9)


@laws
def test_the_exact_solution_takes_a_grid_of_its_own_for_each_trajectory_and_keeps_the_dtype(name):
    system = LAWS[name]
    state, bodies = system.sample(2, torch.Generator().manual_seed(0))
    times = torch.tensor([[0.0, 0.1, 0.4], [1.0, 1.2, 1.3]], dtype=torch.float64)
    together = system.solve(state, bodies, times)
    for k in range(2):
        one = PhaseState(state.q[k], state.p[k])
        alone = system.solve(one, bodies.map(lambda x, k=k: x[k]), times[k])
        torch.testing.assert_close(PhaseState(together.q[k], together.p[k]), alone, rtol=1e-13, atol=1e-13)
    small = system.solve(PhaseState(*(x.float() for x in state)), bodies.to(dtype=torch.float32), times)
    assert small.q.dtype == torch.float32
    torch.testing.assert_close(small.q.double(), together.q, rtol=1e-5, atol=1e-5)


@laws
def test_the_law_keeps_just_the_charges_of_its_symmetry(name):
    system = LAWS[name]
    model = system.hamiltonian()
    model.group = make_group(system.symmetry)
    found = drifts(model, system.generate(3, 0, 0, points=2).train, dt=0.02)
    kept = KEPT[name] | HIDDEN[name]
    assert {charge for charge, drift in found.items() if drift <= ROUND_OFF} == kept
    assert min(drift for charge, drift in found.items() if charge not in kept) > BROKEN


@pytest.mark.parametrize("make", [FallingSprings, MagneticSprings])
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(InputError, match="dim must be 3 for a field along z, got 2"):
        make(4, 2)
    setting = "g" if make is FallingSprings else "B"
    with pytest.raises(InputError, match=f"{setting} must be finite, got nan"):
        make(4, **{setting: float("nan")})
