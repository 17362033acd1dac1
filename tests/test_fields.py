"""External fields: SE(3) broken to a subgroup by gravity and by a magnetic field, learned with just that group."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from cases import DTYPES, TOLERANCE, cloud, randomise

import lieham
from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.integrate import integrate
from lieham.models import load_model, save_model
from lieham.state import Bodies, PhaseState
from systems import FallingSprings, MagneticSprings

ZERO = torch.zeros(())
ROUND_OFF, BROKEN = 1e-13, 1e-3
LAWS = {"falling": FallingSprings(4, g=4.0), "magnetic": MagneticSprings(4, B=1.3)}
HIDDEN = {"falling": {"L_cm_x", "L_cm_y"}, "magnetic": {"K_z"}}
"""What the law keeps beyond the symmetry declared: uniform gravity turns nothing, and ż = p_z/m in a field along z."""
KEPT = {
    "falling": {"P_x", "P_y", "L_z", "L_cm_z", "K_x", "K_y"},
    "magnetic": {"P_z", "L_z"},
}
laws = pytest.mark.parametrize("name", LAWS)


def drifts(model, x, **settings) -> dict[str, float]:
    report = lieham.conservation(lieham.forecast(model, x, 60, substeps=1, **settings))
    return {charge.name: charge.drift.max().item() for charge in report.charges if charge.name != "H"}


# The laws


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


# Models


def coupled(group: str = "SO(2)xT(1)", dtype: torch.dtype = torch.float64):
    """Random weights, units that are not 1."""
    model = randomise(lieham.VectorPotentialLieConv(group, 2, width=16, dtype=dtype))
    model.momentum.fill_(1.7)
    model.potential.length.fill_(1.0 if group.startswith("Helical") else 0.8)
    return model


@pytest.mark.parametrize("group", ["SO(2)xT(1)", "T(3)", "SO(2)", "Helical(0.7)", "Trivial(2)xT(1)"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_motion_of_the_group_changes_h_with_its_vector_potential(group, dtype):
    model = coupled(group, dtype)
    q, p, bodies = cloud(model.group.space_dim, dtype=dtype)
    before = model.energy(PhaseState(q, p), bodies)
    for g in model.group.sample(8, generator=torch.Generator().manual_seed(1), dtype=dtype):
        A = g[:-1, :-1]
        after = model.energy(PhaseState(q @ A.mT + g[:-1, -1], p @ A.mT), bodies)
        torch.testing.assert_close(after, before, rtol=0, atol=10 * TOLERANCE[dtype] * before.abs().max().item())
    away = model.energy(PhaseState(q, -p), bodies)
    assert (away - before).abs().max() > 1e-3, "time reversal is no symmetry where there is a vector potential"


def test_padding_and_batch_mates_change_nothing_and_derivatives_are_finite():
    model = coupled()
    q, p, bodies = cloud(3)
    mask = torch.arange(5).lt(3).expand(3, -1)
    few = Bodies.of(bodies.mass[:, :3], bodies.features[:, :3])
    padded = Bodies.of(bodies.mass, bodies.features, mask)
    rate, alone = model.field(padded)(ZERO, PhaseState(q, p)), model.field(few)(ZERO, PhaseState(q[:, :3], p[:, :3]))
    torch.testing.assert_close(rate.q[:, :3], alone.q, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rate.p[:, :3], alone.p, rtol=1e-12, atol=1e-12)
    assert not rate.q[:, 3:].any() and not rate.p[:, 3:].any()
    one = bodies.map(lambda x: x[0])
    zero = PhaseState(torch.zeros_like(q[0]), torch.zeros_like(p[0]))
    hessian = torch.func.hessian(lambda z: model.energy(z, one))(zero)
    assert all(torch.isfinite(x).all() for row in hessian for x in row)


def test_a_saved_one_is_the_same_function(tmp_path):
    model = coupled()
    q, p, bodies = cloud(3)
    save_model(model, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert isinstance(again, lieham.VectorPotentialLieConv)
    assert torch.equal(again.energy(PhaseState(q, p), bodies), model.energy(PhaseState(q, p), bodies))


@pytest.mark.parametrize("group", ["SE(2)", "SO(3)", "R*(2)", "SE(2)xTrivial(1)"])
def test_groups_that_are_not_abelian_or_no_isometries_are_refused(group):
    with pytest.raises(InputError, match="group must be abelian, act freely and keep lengths"):
        lieham.VectorPotentialLieConv(group)


# Learned


@cache
def learned(name: str, group: str):
    """A model of that group, trained for a few seconds on trajectories of that law, and its best loss."""
    data = LAWS[name].generate(10, 4, 2, points=30)
    make = lieham.VectorPotentialLieConv if name == "magnetic" else lieham.HLieConv
    model = make(group, data.n_features)
    return model, lieham.fit(model, data, steps=80, refine=0, refine_windows=30).best, data


@laws
def test_a_learned_model_keeps_just_the_charges_of_the_subgroup(name):
    model, _, data = learned(name, LAWS[name].symmetry)
    found = drifts(model, data.test)
    assert all((drift <= ROUND_OFF) == (charge in KEPT[name]) for charge, drift in found.items()), found
    assert all(drift > 1e-7 for charge, drift in found.items() if charge not in KEPT[name]), found


def test_the_whole_of_se3_cannot_learn_what_falls():
    """Single steps, in units of their change: SE(3) has no up."""
    broken, whole = (learned("falling", group)[1] for group in ("SE(2)xTrivial(1)", "SE(3)"))
    assert whole > 2 * broken


def test_without_a_vector_potential_a_magnetic_field_is_not_learned():
    with_field = learned("magnetic", "SO(2)xT(1)")[1]
    data = LAWS["magnetic"].generate(10, 4, 0, points=30)
    plain = lieham.HLieConv("SO(2)xT(1)", data.n_features, width=16)
    assert lieham.fit(plain, data, steps=80, refine=0, ridge=False).best > 2 * with_field
