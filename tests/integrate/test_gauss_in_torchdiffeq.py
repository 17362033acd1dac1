"""Gauss-Legendre methods as solvers of torchdiffeq."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from torch import nn
from torchdiffeq import odeint, odeint_adjoint

from lieham.errors import IntegrationError
from lieham.integrate import integrate, register
from lieham.state import PhaseState
from tests.integrate.gauss_helpers import METHODS, Twisted, grid, over_methods, start

register()  # for the tests of torchdiffeq below


class Pendulum(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = nn.Parameter(torch.tensor(1.3, dtype=torch.float64))

    def forward(self, t, y):
        return torch.stack([y[..., 1], -self.k * torch.sin(y[..., 0])], -1)


def relaxing(t, y):
    return -y + torch.sin(t)


Y = torch.tensor([[0.4, 1.0], [1.0, -0.3]], dtype=torch.float64)


@over_methods
def test_torchdiffeq_order(name):
    """Of y' = −y + sin t, whose solution is known, and of a pendulum, backwards in time."""
    steps, errors, pendulum = (4, 8, 16), [], []
    fine = odeint(Pendulum(), Y, grid(2.0, 2000).flip(0), method="rk4")[-1].detach()
    for n in steps:
        t = grid(2.0, n)
        exact = 1.5 * torch.exp(-t) + (torch.sin(t) - torch.cos(t)) / 2
        errors.append((odeint(relaxing, torch.ones(1).double(), t, method=name)[:, 0] - exact).abs().max())
        pendulum.append((odeint(Pendulum(), Y, t.flip(0), method=name)[-1] - fine).abs().max().detach())
    for found in (errors, pendulum):
        for coarse, halved in pairwise(found):
            assert math.log2(coarse / halved) == pytest.approx(METHODS[name], abs=0.6)


@over_methods
def test_torchdiffeq_keeps_the_energy_and_returns(name):
    def f(t, z):
        q, p = z
        return p, -4 * q

    z, t = tuple(start(3, 1)), grid(30.0, 60)
    q, p = odeint(f, z, t, method=name)
    energy = p**2 + 4 * q**2
    assert (energy - energy[0]).abs().max() < 1e-13
    back = odeint(f, (q[-1], p[-1]), t.flip(0), method=name)
    assert max((x[-1] - y).abs().max() for x, y in zip(back, z, strict=True)) < 1e-12


@over_methods
def test_torchdiffeq_steps_as_lieham_does(name):
    k, a = (torch.tensor(x, dtype=torch.float64) for x in (1.1, 0.4))
    field, z, t = Twisted(k, a), start(2, 1), grid(1.0, 5)
    q, p = odeint(lambda t, z: tuple(field(t, PhaseState(*z))), tuple(z), t, method=name)
    path = integrate(field, z, t, name)
    assert max((q - path.q).abs().max(), (p - path.p).abs().max()) < 1e-14


REGISTER = """
import torch
from torchdiffeq import odeint
from torchdiffeq._impl.odeint import SOLVERS
from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.integrate import integrate, register

def solve():
    return odeint(lambda t, z: tuple(field(t, PhaseState(*z))), tuple(z), t, method="gauss4")

from lieham.state import Bodies, PhaseState
z = PhaseState(*torch.tensor([[[[0.3]]], [[[0.2]]]], dtype=torch.float64))
field = GeneralHamiltonian(lambda z, bodies: (z.p**2 / 2 - z.q.cos()).sum((-2, -1))).field(Bodies.of(torch.ones(1, 1)))
t, before = torch.linspace(0, 1, 6, dtype=torch.float64), dict(SOLVERS)
integrate(field, z, t, "rk4")
try:
    solve()
except ValueError:
    print("unknown")
register()
after = dict(SOLVERS)
register()
print(sorted(set(after) - set(before)), after == SOLVERS, after.items() >= before.items())
q, p = solve()
path = integrate(field, z, t, "gauss4")
print(bool((q - path.q[0, :, None]).abs().max() < 1e-14), bool((p - path.p[0, :, None]).abs().max() < 1e-14))
"""


def test_torchdiffeq_is_changed_only_by_register():
    """In a process apart: importing and integrating leave its table alone, and a second call changes nothing."""
    done = subprocess.run([sys.executable, "-c", REGISTER], capture_output=True, text=True)
    lines = ["unknown", "['gauss2', 'gauss4', 'gauss6'] True True", "True True"]
    assert done.stdout.splitlines() == lines, done.stderr


def test_torchdiffeq_gradients():
    """To state, parameters and times, checked by differences; the adjoint equation agrees to the method's order."""
    net = Pendulum()
    y, t = Y.clone().requires_grad_(), grid(1.0, 4).requires_grad_()

    def solve(y, t, k, solver=odeint, **options):
        with torch.no_grad():
            net.k.copy_(k)
        return solver(net, y, t, method="gauss4", **options)

    assert torch.autograd.gradcheck(lambda y, t: solve(y, t, 1.3), (y, t), fast_mode=True)
    grads = []
    for solver in (odeint, odeint_adjoint):
        loss = solve(y, t, 1.3, solver, options={"step_size": 0.05}).square().sum()
        grads.append(torch.autograd.grad(loss, [y, net.k]))
    for mine, adjoint in zip(*grads, strict=True):
        torch.testing.assert_close(mine, adjoint, rtol=1e-5, atol=1e-5)
    e = 1e-5
    ends = [solve(Y, grid(1.0, 20), 1.3 + s * e).square().sum().item() for s in (1, -1)]
    k = solve(Y, grid(1.0, 20), 1.3).square().sum()
    assert torch.autograd.grad(k, net.k)[0].item() == pytest.approx((ends[0] - ends[1]) / (2 * e), rel=1e-8)


def test_torchdiffeq_options_and_errors():
    t = grid(1.0, 2)
    stepped = odeint(relaxing, Y, t, method="gauss4", options={"step_size": 0.125})
    assert (stepped - odeint(relaxing, Y, grid(1.0, 8), method="gauss4")[::4]).abs().max() < 1e-15
    cubic = odeint(relaxing, Y, grid(1.0, 7), method="gauss4", options={"step_size": 0.1, "interp": "cubic"})
    assert (cubic - odeint(relaxing, Y, grid(1.0, 7), method="gauss6")).abs().max() < 1e-5
    spin = odeint(lambda t, y: 1j * y, torch.ones(1, dtype=torch.complex128), t, method="gauss6")
    assert (spin[-1] - torch.exp(torch.tensor(1j, dtype=torch.complex128))).abs() < 1e-6
    assert odeint(relaxing, Y.float(), t.float(), method="gauss4").dtype == torch.float32
    assert odeint(relaxing, torch.zeros(0).double(), t, method="gauss4").shape == (3, 0)
    with pytest.raises(IntegrationError, match="gauss4 did not converge in 100 iterations"):
        odeint(lambda t, y: -1e3 * torch.sin(7 * y), 3 * Y, t, method="gauss4")
