"""Gradients through integrators, by autograd, by the adjoint, and under vmap and the compiler."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.errors import IntegrationError
from lieham.integrate import integrate
from lieham.integrate.gauss import Gauss
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import ADAPTIVE, OURS, Driven, Pendulums, gap, grid, over, start, tight

EXPLICIT = [i for i in OURS if not isinstance(i, Gauss)]


@over(INTEGRATORS)
def test_gradients(integrator):
    """Of the path with respect to the initial state and a parameter of the field."""
    z, times = start(2, 1), grid(0.4, 2)
    k = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    q, p = (x.requires_grad_() for x in z)

    def path(q, p, k):
        return tuple(tight(integrator, 1e-10).integrate(Pendulums(k), PhaseState(q, p), times))

    # Finite differences see the steps of a loose tolerance move.
    loose = {"atol": 3e-3, "rtol": 1e-2} if integrator in ADAPTIVE and integrator.order < 5 else {}
    assert torch.autograd.gradcheck(path, (q, p, k), fast_mode=True, **loose)


@pytest.mark.parametrize("compensated", [False, True], ids=["plain", "compensated"])
@over(OURS)
def test_gradients_of_own_grids_and_func(integrator, compensated):
    """Backpropagation through compensated sub-steps on own grids, and torch.func through the same loop."""
    integrator = replace(integrator, compensated=compensated, substeps=2)
    times = torch.stack([grid(0.6, 3), -grid(0.4, 3)])
    z = start(2, 2, 1)

    def loss(q):
        return integrator.integrate(Driven(), PhaseState(q, z.p), times).q.square().sum()

    q = z.q.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, (q,), fast_mode=True)
    torch.testing.assert_close(torch.func.grad(loss)(z.q), torch.autograd.grad(loss(q), q)[0])


@pytest.mark.parametrize("times", [grid(0.6, 2), grid(0.6, 2).flip(0), torch.stack([grid(0.6, 2), -grid(0.4, 2)])])
@pytest.mark.parametrize("name", ["dopri5", "dopri8", "bosh3", "rk4"])
def test_adjoint(name, times):
    """The adjoint equation gives the gradients of backpropagation, in either direction and on own grids."""
    settings = {"substeps": 20} if name == "rk4" else {"rtol": 1e-10, "atol": 1e-11}
    if name == "bosh3":
        settings = {"rtol": 1e-6, "atol": 1e-7}
    z = start(2, 2, 1)

    def gradients(adjoint):
        k = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
        state = PhaseState(*(x.clone().requires_grad_() for x in z))
        path = integrate(Pendulums(k), state, times, name, adjoint=adjoint, **settings)
        return torch.autograd.grad(path.q.square().sum() + path.p[..., -1, :, :].sum(), (*state, k))

    torch.testing.assert_close(gradients(True), gradients(False), rtol=3e-5, atol=1e-5)


def test_an_iteration_that_does_not_converge_says_so():
    """h·ω = 30 on a stiff pendulum."""
    with pytest.raises(IntegrationError, match=r"gauss4 did not converge in 100 iterations at t = 0: .*substeps"):
        integrate(Pendulums(900.0), start(2, 1), grid(1.0, 1), "gauss4")


@over(EXPLICIT)
def test_step_under_vmap(integrator):
    z, t = start(3, 2, 1), torch.tensor(0.4, dtype=torch.float64)
    stepped = torch.func.vmap(lambda s: integrator.step(Driven(), s, t, 0.1))(z)
    assert gap(stepped, integrator.step(Driven(), z, t, 0.1)) == 0


@over(EXPLICIT)
def test_step_compiles(integrator):
    """As one graph, and not again for each width of step."""
    torch.compiler.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    field, z = Driven(), start(3, 2, 1)
    step = torch.compile(lambda s, t, h: integrator.step(field, s, t, h), fullgraph=True, backend=backend)
    for h in (0.1, 0.11, 0.12):
        t = torch.tensor(h, dtype=torch.float64)
        assert gap(step(z, t, h), integrator.step(field, z, t, h)) < 1e-15
    assert len(graphs) <= 2
