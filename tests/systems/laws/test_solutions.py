"""Reference solutions of systems are as accurate as is claimed."""

from __future__ import annotations

import pytest
import torch

from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState
from systems import Gravity
from tests.systems.laws.helpers import EXACT, drift, gap, generator, over_systems

over_exact = pytest.mark.parametrize("system", EXACT.values(), ids=EXACT)


def first_order_matrix(bodies: Bodies) -> torch.Tensor:
    """A of ż = A z, z = (q_1..q_n, p_1..p_n) in each component, built entry by entry."""
    k, (batch, n) = bodies.features[..., 0], bodies.mass.shape
    A = torch.zeros(batch, 2 * n, 2 * n, dtype=torch.float64)
    for i in range(n):
        A[:, i, n + i] = 1 / bodies.mass[:, i]
        for j in range(n):
            if i != j:
                A[:, n + i, j] += 2 * k[:, i] * k[:, j]
                A[:, n + i, i] -= 2 * k[:, i] * k[:, j]
    return A


@over_exact
@pytest.mark.parametrize("sign", [1, -1])
def test_springs_are_solved_as_by_the_matrix_exponential(system, sign):
    """9e-13 measured absolute: round-off times ω_max t ~ 200 in either of the two."""
    state, bodies = system.sample(10, generator(1))
    times = sign * system.times()[::33]
    path = system.solve(state, bodies, times)
    propagator = torch.linalg.matrix_exp(first_order_matrix(bodies)[:, None] * times[:, None, None])
    z = propagator @ torch.cat(state, 1)[:, None]
    n = system.n_bodies
    assert gap(path, PhaseState(z[:, :, :n], z[:, :, n:])) <= 1e-11


@over_exact
@pytest.mark.parametrize("sign", [1, -1])
def test_springs_are_solved_as_by_small_steps(system, sign):
    """Yoshida-6 with hω ≤ 0.41/8 has an error of (hω)⁶ ω t/100 ~ 1e-10; leapfrog's is a million times that."""
    state, bodies = system.sample(10, generator(1))
    times = sign * system.times(60)
    path = system.solve(state, bodies, times)
    for method, inside in (("yoshida6", True), ("leapfrog", system.n_bodies == 1)):
        other = integrate(system.field(bodies), state, times, method, substeps=8)
        assert (gap(other, path) <= 1e-9) is inside


@over_exact
def test_the_momentum_of_springs_does_not_drift_in_a_long_time(system):
    """2e-15 measured; a zero mode left at its round-off, ω² ~ ±1e-14, moves P by 2e-7 of its scale at t = 1e4."""
    state, bodies = system.sample(20, generator(1))
    path = system.solve(state, bodies, torch.tensor([0.0, 1.0, 1e4], dtype=torch.float64))
    assert drift(system, path, bodies)[0] <= 1e-13


@over_systems
def test_each_trajectory_may_have_its_own_times(system):
    state, bodies = system.sample(3, generator(1))
    times = system.times(8) * torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64)[:, None] + torch.tensor(
        [[0.0], [2], [-3]]
    )
    path = system.solve(state, bodies, times)
    for i in range(3):
        one = system.solve(PhaseState(*(x[i] for x in state)), bodies.map(lambda x, i=i: x[i]), times[i])
        # The same operations on one system or three; t − t₀ of shifted times is rounded, 1e-16 of 3 times p's slope.
        assert gap(PhaseState(path.q[i], path.p[i]), one) <= 1e-12


@over_systems
def test_solving_in_two_goes_and_back_is_solving_once(system):
    """Φ_{s+t} = Φ_t Φ_s and Φ_{−t} Φ_t = 1: to round-off for exact and for symmetric steps on one grid."""
    state, bodies = system.sample(10, generator(1))
    times = system.times(41)
    path = system.solve(state, bodies, times)
    half = PhaseState(path.q[:, 20], path.p[:, 20])
    again = system.solve(half, bodies, times[20:])
    assert gap(again, PhaseState(path.q[:, 20:], path.p[:, 20:])) <= 1e-11
    back = system.solve(PhaseState(path.q[:, -1], path.p[:, -1]), bodies, times.flip(0))
    assert gap(PhaseState(back.q.flip(1), back.p.flip(1)), path) <= 1e-11


@over_systems
def test_a_solution_begins_with_its_state_and_keeps_its_dtype(system):
    state, bodies = system.sample(3, generator(1))
    state, bodies = state.to(torch.float32), bodies.to(dtype=torch.float32)
    path = system.solve(state, bodies, system.times(4).to(torch.float32))
    assert path.q.dtype == path.p.dtype == torch.float32
    # The exact solution goes through eigenvectors and back in float64, then rounds once.
    assert gap(PhaseState(path.q[:, 0], path.p[:, 0]), state) <= 2e-7


def test_gravity_is_solved_to_the_accuracy_that_is_claimed():
    """On its own grid against steps half as wide: 20 systems, 1.4e-8 at worst, 7e-11 in the median, where the solution
    is of size 1 to 10. The negative: with leapfrog's the same comparison fails by far."""
    law = Gravity(6, 2)
    state, bodies = law.sample(20, generator())
    path = law.solve(state, bodies, law.times())
    fine = integrate(law.field(bodies), state, law.times(), "yoshida6", substeps=8)
    error = torch.maximum((path.q - fine.q).abs(), (path.p - fine.p).abs()).flatten(1).amax(1)
    assert error.max() <= 1e-7 and error.median() <= 1e-9
    crude = integrate(law.field(bodies), state, law.times(), "leapfrog")
    assert (crude.q - fine.q).abs().flatten(1).amax(1).median() > 1e-5
