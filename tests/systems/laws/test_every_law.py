"""The benchmark's windows for every law, and the laws that are not invariant under SE(d) or not smooth."""

from __future__ import annotations

import pytest
import torch

from lieham.conservation.momentum import momentum_map
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.integrate import integrate
from systems import (
    SYSTEMS,
    ChargedParticles,
    Coulomb,
    DoubleSpringPendulum,
    LennardJones,
    Morse,
    Planets,
    Springs,
    Yukawa,
)
from systems.baselines import baselines
from tests.helpers.cases import SYSTEMS as CASES

LAWS = {name: law() if name not in ("falling-springs", "magnetic-springs") else law(3) for name, law in SYSTEMS.items()}


def test_the_windows_are_cut_from_whole_trajectories():
    """Of a law that is solved no further than each window: the same numbers but for the length of the loops."""
    law = Coulomb(3, 2)
    x = law.benchmark(5, seed=2, n_test=0).train
    whole = law.trajectories(5, 2, "train")
    first = (x.times[:, 0] / (5 / 499)).round().long()
    assert (first % 5 == 0).all() and len(first.unique()) > 1
    for i, k in enumerate(first.tolist()):
        # The state at a window's start came through restarts of the integrator at every fifth time.
        torch.testing.assert_close(x.q[i], whole.q[i, k : k + 5], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(x.p[i], whole.p[i, k : k + 5], rtol=1e-10, atol=1e-10)


def test_springs_are_scored_against_either_truth():
    rk4, exact = Springs().benchmark(20, n_test=0).train, Springs().benchmark(20, n_test=0, method="exact").train
    assert torch.equal(rk4.times, exact.times) and torch.equal(rk4.bodies.mass, exact.bodies.mass)
    assert 0 < (rk4.q - exact.q).abs().max() < 1e-2
    with_rest = Springs(rest_length=1.0).benchmark(3, n_test=0)
    assert with_rest.provenance.settings["method"] == "exact"
    assert "val" not in with_rest.splits


@pytest.mark.parametrize("name", sorted(LAWS))
def test_a_window_of_every_law(name):
    """Free flight errs by far more than the reference does against itself, restarted at the window's start."""
    law = LAWS[name]
    x = law.benchmark(0, n_test=5).test
    assert x.q.shape[:2] == (5, 5) and bool(torch.isfinite(x.p).all())
    again = law.benchmark(0, n_test=5).test
    assert torch.equal(x.q, again.q)
    scores = baselines(x, law)
    assert scores["free flight"].median() > 1e-7
    assert scores["exact solution"].median() < 1e-6 * scores["free flight"].median()


@pytest.mark.parametrize("law", [DoubleSpringPendulum(), ChargedParticles()], ids=["pendulum", "charges"])
def test_the_force_is_minus_the_gradient(law):
    state, bodies = law.sample(10, torch.Generator().manual_seed(3))
    gradient = torch.func.grad(lambda q: law.potential(q, bodies).sum())(state.q)
    force = law.force(bodies)(state.q)
    torch.testing.assert_close(force, -gradient, rtol=1e-12, atol=1e-12)


def test_a_pendulum_keeps_its_energy_and_the_momentum_about_its_axis_alone():
    law = DoubleSpringPendulum()
    state, bodies = law.sample(10, torch.Generator().manual_seed(3))
    path = integrate(law.field(bodies), state, law.times(200), "yoshida6", substeps=4)
    energy = law.hamiltonian().energy(path, bodies.over_time())
    assert (energy - energy[:, :1]).abs().max() < 1e-9
    about = momentum_map(make_group("SO(3)"), path, bodies.over_time())
    drift = (about - about[:, :1]).abs().amax((0, 1))
    assert drift.min() < 1e-13 and drift.sort().values[1] > 0.1
    along = momentum_map(make_group(law.symmetry), path, bodies.over_time())
    assert (along - along[:, :1]).abs().max() < 1e-13


def test_a_pendulum_hangs_at_rest():
    """The tie to the pivot carries both bodies, the other spring one: extensions 2 g and g / 2."""
    law = DoubleSpringPendulum()
    _, bodies = law.sample(1, torch.Generator().manual_seed(0))
    q = torch.tensor([[[0.0, 0.0, -3.0], [0.0, 0.0, -4.5]]], dtype=torch.float64)
    assert law.force(bodies)(q).abs().max() < 1e-14


def test_opposite_charges_attract_and_energy_is_kept_through_encounters():
    law = ChargedParticles()
    x = law.trajectories(20, 0, "test", points=60)
    energy = law.hamiltonian().energy(x.states(), x.bodies.over_time())
    assert (energy - energy[:, :1]).abs().median() < 1e-10
    pair = ChargedParticles(2)
    state, bodies = pair.sample(1, torch.Generator().manual_seed(0))
    for sign in (1.0, -1.0):
        bodies.features[:] = torch.tensor([1.0, sign], dtype=torch.float64)[:, None]
        force = pair.force(bodies)(state.q)
        outward = ((state.q[:, 0] - state.q[:, 1]) * force[:, 0]).sum()
        assert (outward > 0) == (sign > 0)


def test_clusters_have_no_overlaps_and_planets_stay_in_order():
    for law, least in ((LennardJones(6, 2), 0.98), (LennardJones(6, 3), 0.94)):
        state, _ = law.sample(200, torch.Generator().manual_seed(0))
        i, j = torch.triu_indices(6, 6, 1)
        assert (state.q[:, i] - state.q[:, j]).norm(dim=-1).min() >= least
    law = Planets(4, 2)
    x = law.trajectories(10, 0, "test", points=100)
    radius = (x.q[:, :, 1:] - x.q[:, :, :1]).norm(dim=-1)
    assert (radius.diff(dim=-1) > 0).all()
    assert ((radius - radius.mean(1, keepdim=True)).abs() < 0.15 * radius.mean(1, keepdim=True)).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Coulomb(softening=0.0), "softening must be finite and positive, got 0"),
        (lambda: LennardJones(sigma=-1.0), "sigma must be finite and positive, got -1"),
        (lambda: Morse(a=float("nan")), "a must be finite and positive, got nan"),
        (lambda: Yukawa(reach=float("inf")), "reach must be finite and positive, got inf"),
        (lambda: Planets(eccentricity=1.0), "eccentricity must be at least 0 and less than 1, got 1"),
        (lambda: DoubleSpringPendulum(2, 2), "dim must be 3 for a field along z, got 2"),
        (lambda: ChargedParticles(k=0.0), "k must be finite and positive, got 0"),
    ],
)
def test_bad_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_every_law_is_tested():
    assert {law.name for law in CASES.values()} | {"charged-particles", "double-spring-pendulum"} | {
        "falling-springs",
        "magnetic-springs",
    } == set(SYSTEMS)
