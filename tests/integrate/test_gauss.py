"""Gauss-Legendre methods: their iteration, and its gradients by the implicit function theorem."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import InputError, IntegrationError
from lieham.integrate import Field, collocation, integrate, make_integrator, register
from lieham.integrate.gauss import tableau
from lieham.state import Bodies, PhaseState
from tests.integrate.gauss_helpers import Twisted, grid, over_methods, start

register()  # for the tests of torchdiffeq below
EPS = torch.finfo(torch.float64).eps


class Oscillators(Field):
    """q̇ = p, ṗ = −ω² q; counts how often it is asked."""

    def __init__(self, omega):
        self.omega, self.calls = omega, 0

    def __call__(self, t, state):
        self.calls += 1
        return PhaseState(state.p, -(self.omega**2) * state.q)


@pytest.mark.parametrize("hw", [0.3, 2.5, 5.0, 8.0])
@over_methods
def test_any_step_of_an_oscillator_converges(name, hw):
    """Plain iterations need h·ω below 2.0, 3.5 and 4.6; the quadratic energy stays in any case."""
    field = Oscillators(hw)
    path = integrate(field, start(4, 3, 1), grid(20.0, 20), name)
    energy = (path.p.square() + hw**2 * path.q.square()).sum((-2, -1))
    assert ((energy - energy[..., :1]) / energy[..., :1]).abs().max() < (1e-13 if hw < 3 else 1e-10)
    assert field.calls < 20 * 50


@over_methods
def test_acceleration_pays(name, monkeypatch):
    def calls(hw: float) -> int:
        field = Oscillators(hw)
        integrate(field, start(4, 3, 1), grid(10.0, 10), name)
        return field.calls

    accelerated = calls(1.0)
    monkeypatch.setattr(collocation, "SLOW", math.inf)
    assert accelerated < 0.7 * calls(1.0)
    with pytest.raises(IntegrationError, match=rf"{name} did not converge in 100 iterations at t = 0: take smaller"):
        calls(5.0)


def test_each_trajectory_is_accelerated_by_itself():
    """One at rest, one slow, one fast, on own grids in both directions: as if each were alone."""
    omega = torch.tensor([3.0, 0.01, 6.0], dtype=torch.float64)[:, None, None]
    q, p = start(3, 2, 1)
    q[0] = p[0] = 0
    times = torch.stack([grid(3.0, 3), grid(5.0, 3), -grid(3.0, 3)])
    path = integrate(Oscillators(omega), PhaseState(q, p), times, "gauss4")
    for i in range(3):
        alone = integrate(Oscillators(omega[i]), PhaseState(q[i], p[i]), times[i], "gauss4")
        torch.testing.assert_close(path.q[i], alone.q, rtol=1e-11, atol=1e-11)
    assert (path.q[0] == 0).all()


def test_the_step_solves_its_equations():
    """Residual of k_i = f(z + h Σ a_ij k_j) in one step of the whole batch, each with its own h and t."""
    k, a = (torch.tensor(x, dtype=torch.float64) for x in (1.1, 0.4))
    field, z = Twisted(k, a), start(5, 2, 2)
    t, h = (torch.linspace(lo, hi, 5, dtype=torch.float64)[:, None, None] for lo, hi in ((0, 1), (-0.15, 0.15)))
    integrator = make_integrator("gauss4")
    stepped = integrator.step(field, z, t, h)
    wanted = unrolled(field, z, t, h, "gauss4")
    for x, y in zip(stepped, wanted, strict=True):
        assert (x - y).abs().max() < 20 * EPS


def unrolled(field: Field, z: PhaseState, t, h, name: str) -> PhaseState:
    """One step by plain iterations that autograd follows."""
    A, b, c = tableau(type(make_integrator(name)), torch.float64, torch.device("cpu"))
    clock = t + c.view(-1, *(1,) * z.q.ndim) * h
    rates = PhaseState(*(x.expand(len(b), *x.shape) * 0 for x in z))
    for _ in range(60):
        rates = field(clock, PhaseState(*(x + h * torch.tensordot(A, r, 1) for x, r in zip(z, rates, strict=True))))
    return z.shift(*(h * torch.tensordot(b, r, 1) for r in rates))


def leaves() -> list[torch.Tensor]:
    """q, p, t, h of three trajectories, and the parameters k and a of the field."""
    z = start(3, 2, 1)
    t, h = (torch.tensor(x, dtype=torch.float64)[:, None, None] for x in ([0.0, 0.3, 1.0], [0.2, -0.15, 0.1]))
    k, a = (torch.tensor(x, dtype=torch.float64) for x in (1.1, 0.4))
    return [x.requires_grad_() for x in (*z, t, h, k, a)]


def stepped(name: str, q, p, t, h, k, a) -> PhaseState:
    return make_integrator(name).step(Twisted(k, a), PhaseState(q, p), t, h)


@over_methods
def test_gradients_are_those_of_the_unrolled_iteration(name):
    """To state, time, step and parameters."""
    x = leaves()

    def gradients(z: PhaseState) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad((z.q**3).sum() + (z.q * z.p).sum(), x)

    q, p, t, h, k, a = x
    wanted = gradients(unrolled(Twisted(k, a), PhaseState(q, p), t, h, name))
    for mine, theirs in zip(gradients(stepped(name, *x)), wanted, strict=True):
        assert (mine - theirs).abs().max() < 1e-12


@over_methods
def test_gradcheck(name):
    assert torch.autograd.gradcheck(lambda *x: tuple(stepped(name, *x)), leaves(), fast_mode=True)


@pytest.mark.parametrize("i", range(6), ids=["q", "p", "t", "h", "k", "a"])
def test_second_derivatives_are_refused(i):
    """With respect to each argument, by autograd and by torch.func, rather than wrong."""
    x = leaves()
    first = torch.autograd.grad(stepped("gauss4", *x).q.square().sum(), x[i], create_graph=True)[0]
    for other in x:
        with pytest.raises(InputError, match="second derivatives do not pass through an implicit step"):
            torch.autograd.grad(first.square().sum(), other, retain_graph=True)

    def loss(one):
        return stepped("gauss4", *x[:i], one, *x[i + 1 :]).q.square().sum()

    with pytest.raises(InputError, match="second derivatives"):
        torch.func.grad(lambda one: torch.func.grad(loss)(one).square().sum())(x[i].detach())


def test_gradients_where_plain_iterations_diverge():
    """The adjoint equation is accelerated too: of an oscillator at h·ω = 5, d(q, p)/dq is known in closed form."""
    q, p = (x.requires_grad_() for x in start(2, 1, 1))
    omega = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    z = make_integrator("gauss2").step(Oscillators(omega), PhaseState(q, p), torch.zeros((), dtype=q.dtype), 1.0)
    x = omega.detach() / 2
    (found,) = torch.autograd.grad(z.q.sum(), q, retain_graph=True)
    torch.testing.assert_close(found, ((1 - x**2) / (1 + x**2)).expand(2, 1, 1), rtol=1e-12, atol=0)
    exact = (q * (1 - (omega / 2) ** 2) + p) / (1 + (omega / 2) ** 2)
    wanted = torch.autograd.grad(exact.sum(), omega)
    torch.testing.assert_close(torch.autograd.grad(z.q.sum(), omega), wanted, rtol=1e-11, atol=0)


def test_an_adjoint_that_does_not_converge_says_so(monkeypatch):
    q, p = (x.requires_grad_() for x in start(2, 1, 1))
    z = make_integrator("gauss4").step(Oscillators(5.0), PhaseState(q, p), torch.zeros((), dtype=q.dtype), 1.0)
    monkeypatch.setattr(collocation, "SLOW", math.inf)
    with pytest.raises(IntegrationError, match="the gradient of gauss4 did not converge in 100 iterations at t = 0: "):
        z.q.sum().backward()


def test_gradients_through_a_network_and_torch_func():
    """Of a Hamiltonian whose field is itself a derivative, to its weights; and by torch.func.grad."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    model = GeneralHamiltonian(lambda z, bodies: net(torch.cat(z, -1)).sum((-2, -1)))
    z, bodies = start(2, 3, 2), Bodies.of(torch.ones(2, 3, dtype=torch.float64))
    field, t = model.field(bodies), torch.zeros((), dtype=torch.float64)

    def loss(q):
        return integrate(field, PhaseState(q, z.p), grid(0.6, 3), "gauss4").q.square().sum()

    q = z.q.clone().requires_grad_()
    mine = torch.autograd.grad(loss(q), [q, *net.parameters()], allow_unused=True)
    state = PhaseState(q, z.p)
    total = state.q.square().sum()
    for _ in range(3):
        state = unrolled(field, state, t, 0.2, "gauss4")
        total = total + state.q.square().sum()
    for a, b in zip(mine, torch.autograd.grad(total, [q, *net.parameters()], allow_unused=True), strict=True):
        assert a is b is None or (a - b).abs().max() < 1e-10
    torch.testing.assert_close(torch.func.grad(loss)(z.q), mine[0], rtol=1e-12, atol=1e-12)


def test_the_graph_holds_one_evaluation():
    """Whatever the number of iterations: memory does not grow with them."""

    def nodes(hw: float) -> int:
        q, p = (x.requires_grad_() for x in start(2, 1, 1))
        z = make_integrator("gauss4").step(Oscillators(hw), PhaseState(q, p), torch.zeros((), dtype=q.dtype), 1.0)
        seen, queue = set(), [z.q.grad_fn]
        while queue:
            node = queue.pop()
            if node is not None and node not in seen:
                seen.add(node)
                queue += [n for n, _ in node.next_functions]
        return len(seen)

    assert nodes(0.01) == nodes(5.0) < 40


def test_a_field_of_another_shape_is_refused():
    class Wide(Field):
        def __call__(self, t, state):
            return PhaseState(state.q[..., :1], state.p)

    with pytest.raises(InputError, match=r"adds to q must be of shape \(2, 2\) .*, got \(2, 1\)"):
        integrate(Wide(), start(2, 2), grid(1.0, 2), "gauss4")
