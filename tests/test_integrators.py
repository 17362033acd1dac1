"""Laws of integrators: order, reversal, first integrals, grids, gradients, and the sentences of errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache

import pytest
import torch
from cases import INTEGRATORS

from lieham.errors import InputError, IntegrationError
from lieham.integrate import (
    INTEGRATORS as METHODS,
)
from lieham.integrate import (
    CompensatedState,
    Field,
    FixedStep,
    Integrator,
    SeparableField,
    Splitting,
    integrate,
    make_integrator,
)
from lieham.integrate.compensated import compensated_add
from lieham.integrate.gauss import Gauss
from lieham.state import PhaseState

SETTINGS = {i.name: {f.name for f in fields(i)} for i in INTEGRATORS}
ADAPTIVE = [i for i in INTEGRATORS if "rtol" in SETTINGS[i.name]]
FIXED = [i for i in INTEGRATORS if "substeps" in SETTINGS[i.name]]
OURS = [i for i in INTEGRATORS if isinstance(i, FixedStep)]
SYMMETRIC = [i for i in INTEGRATORS if isinstance(i, (Splitting, Gauss))]
EXPLICIT = [i for i in OURS if not isinstance(i, Gauss)]
NOT_SYMMETRIC = [make_integrator(name) for name in ("rk4", "rkn4", "euler")]


def over(integrators: list[Integrator]):
    return pytest.mark.parametrize("integrator", integrators, ids=lambda i: i.name)


def tight(integrator: Integrator, rtol: float = 1e-9) -> Integrator:
    """With a tolerance that does not show beside `ACCURACY`, where it has one."""
    rtol = {2: 1e-4, 3: 1e-5}.get(integrator.order, rtol)
    return replace(integrator, rtol=rtol, atol=rtol / 10) if integrator in ADAPTIVE else integrator


ACCURACY = {1: 3e-2, 2: 1e-3, 3: 1e-4}
"""What to expect of a fine grid at a low order."""


class Pendulums(SeparableField):
    """H = Σ p²/2m + k Σ (1 − cos q): autonomous, not linear; `k` is a parameter."""

    linear_velocity = True

    def __init__(self, k: torch.Tensor | float = 1.0):
        self.k, self.calls = k, 0

    def velocity(self, t, p):
        return p / 1.3

    def force(self, t, q):
        self.calls += 1
        return -self.k * torch.sin(q)

    def parameters(self) -> Iterator[torch.Tensor]:
        yield from (x for x in (self.k,) if isinstance(x, torch.Tensor))


class Driven(Pendulums):
    """A pendulum whose length breathes and whose bob is pushed: V depends on time."""

    def force(self, t, q):
        return -(1 + 0.5 * torch.cos(2 * t)) * torch.sin(q) + 0.7 * torch.sin(3 * t)


class Melting(Driven):
    """And whose mass changes: K depends on time too."""

    linear_velocity = False

    def velocity(self, t, p):
        return p * (1 + 0.4 * torch.sin(2 * t))


class Charged(Field):
    """Not separable: q̇ = p − B × q, ṗ = −B × p − q³, in the plane."""

    def __call__(self, t, state):
        def turned(x):
            return 0.5 * torch.stack([-x[..., 1], x[..., 0]], -1)

        return PhaseState(state.p - turned(state.q), -turned(state.p) - state.q**3)


class Cluster(SeparableField):
    """Bodies of different mass that attract by the pair potential √(1 + r²): it keeps P and L."""

    linear_velocity = True
    mass = torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)

    def velocity(self, t, p):
        return p / self.mass[:, None]

    def force(self, t, q):
        r = q[..., :, None, :] - q[..., None, :, :]
        return -(r / (1 + r.square().sum(-1, keepdim=True)).sqrt()).sum(-2)


def start(*shape: int, dtype=torch.float64, seed: int = 0) -> PhaseState:
    g = torch.Generator().manual_seed(seed)
    return PhaseState(*(torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype) for _ in "qp"))


def grid(end: float, steps: int, dtype=torch.float64) -> torch.Tensor:
    return torch.linspace(0, end, steps + 1, dtype=dtype)


def gap(a: PhaseState, b: PhaseState) -> float:
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def last(path: PhaseState) -> PhaseState:
    return PhaseState(path.q[..., -1, :, :], path.p[..., -1, :, :])


def angular_momentum(path: PhaseState) -> torch.Tensor:
    return (path.q[..., 0] * path.p[..., 1] - path.q[..., 1] * path.p[..., 0]).sum(-1)


@cache
def truth(field: type[Field], shape: tuple[int, ...], end: float) -> PhaseState:
    """At `end`, by a classical Runge-Kutta method written down here, Richardson-extrapolated to order 5."""
    coarse, fine = (classical(field(), start(*shape), end, n) for n in (150, 300))
    return PhaseState(*(f + (f - c) / 15 for c, f in zip(coarse, fine, strict=True)))


def classical(field: Field, z: PhaseState, end: float, n: int) -> PhaseState:
    h = end / n
    for k in range(n):
        t = torch.tensor(k * h, dtype=torch.float64)
        a = field(t, z)
        b = field(t + h / 2, z.shift(*(x * h / 2 for x in a)))
        c = field(t + h / 2, z.shift(*(x * h / 2 for x in b)))
        d = field(t + h, z.shift(*(x * h for x in c)))
        z = z.shift(*(h / 6 * (w + 2 * x + 2 * y + v) for w, x, y, v in zip(a, b, c, d, strict=True)))
    return z


def takes(integrator: Integrator, field: type[Field]) -> bool:
    separable = issubclass(field, SeparableField)
    return (separable or not integrator.needs_separable) and (
        integrator.name != "rkn4" or (separable and field.linear_velocity)
    )


def slope(x: list[float], y: list[float]) -> float:
    """Of log y over log x, by least squares."""
    x, y = (torch.tensor(v, dtype=torch.float64).log() for v in (x, y))
    return ((x - x.mean()) @ (y - y.mean()) / (x - x.mean()).square().sum()).item()


FIELDS = [Pendulums, Driven, Melting, Charged]


def pairs(integrators, fields):
    """Every integrator with every field that it takes; the others are in test_fields_that_do_not_fit."""
    fitting = [(x, field) for x in integrators for field in fields if takes(x, field)]
    ids = [f"{x.name}-{field.__name__}" for x, field in fitting]
    return pytest.mark.parametrize("integrator, field", fitting, ids=ids)


@pairs(FIXED, FIELDS)
def test_order(integrator, field):
    """The error at the end falls as h^order, with time in the field or without."""
    first = {1: 120, 2: 25, 3: 25, 4: 15, 6: 8}[integrator.order]
    steps = [first, 2 * first, 4 * first]
    z, end = start(2, 2), 2.0
    errors = [gap(last(integrator.integrate(field(), z, grid(end, n))), truth(field, (2, 2), end)) for n in steps]
    assert slope(steps, errors) == pytest.approx(-integrator.order, abs=0.35)
    assert errors[-1] < 0.2


@pytest.mark.parametrize("field", FIELDS)
@over(ADAPTIVE)
def test_adaptive_order(integrator, field):
    """The error is near the tolerance, between the ends of steps too, and falls as evaluations^-order."""
    z, end = start(2, 2), 2.0
    tolerances = {2: [1e-2, 3e-4], 3: [1e-4, 1e-6]}.get(integrator.order, [1e-5, 1e-8])
    errors, costs = [], []
    for tol in tolerances:
        f, calls = field(), []
        counted = _counted(f, calls)
        path = replace(integrator, rtol=tol, atol=tol).integrate(counted, z, grid(end, 2))
        middle = PhaseState(path.q[1], path.p[1])
        halfway = gap(middle, truth(field, (2, 2), end / 2))
        error = max(halfway, gap(last(path), truth(field, (2, 2), end)))
        assert error < 100 * tol
        errors.append(error)
        costs.append(len(calls))
    assert slope(costs, errors) < 0.7 - integrator.order


def _counted(field: Field, calls: list) -> Field:
    class Counted(Field):
        def __call__(self, t, state):
            calls.append(t)
            return field(t, state)

    return Counted()


@pytest.mark.parametrize(("name", "evaluations"), [("leapfrog", 1), ("yoshida4", 3), ("yoshida6", 7), ("rkn4", 3)])
def test_force_evaluations(name, evaluations):
    field = Pendulums()
    integrate(field, start(2, 1), grid(1.0, 10), name)
    assert field.calls == 10 * evaluations


@over([i for i in INTEGRATORS if isinstance(i, Splitting)])
def test_stages_fill_the_step(integrator):
    """Drifts and kicks both add up to one step, and read the same backwards."""
    drifts, _, kicks, clocks = (list(x) for x in zip(*integrator.stages, strict=True))
    drifts.append(drifts[0])
    assert sum(kicks) == pytest.approx(1, abs=1e-15) and sum(drifts) == pytest.approx(1, abs=1e-15)
    assert kicks == pytest.approx(kicks[::-1], abs=1e-15) and drifts == pytest.approx(drifts[::-1], abs=1e-15)
    assert clocks == pytest.approx([1 - c for c in clocks[::-1]], abs=1e-15)


@pytest.mark.parametrize(("name", "powers"), [("yoshida4", [3]), ("yoshida6", [3, 5])])
def test_composition_weights(name, powers):
    """Σ γ³ = 0 for order 4, and Σ γ⁵ = 0 for order 6, to all the digits of a float64."""
    for power in powers:
        assert abs(math.fsum(stage.kick**power for stage in make_integrator(name).stages)) < 4e-15


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@over(INTEGRATORS)
def test_batches(integrator, batch, dtype):
    """Any batch shape and dtype, the first state untouched, each system as if it were alone."""
    z, times = start(*batch, 2, 2, dtype=dtype), grid(0.6, 3)
    integrator = tight(integrator, 1e-5)
    path = integrator.integrate(Driven(), z, times)
    assert path.q.shape == path.p.shape == (*batch, 4, 2, 2)
    assert path.q.dtype == path.p.dtype == dtype
    assert torch.equal(path.q[..., 0, :, :], z.q) and torch.equal(path.p[..., 0, :, :], z.p)
    rows = list(zip(*(x.reshape(-1, 2, 2) for x in z), strict=True))
    alone = [integrator.integrate(Driven(), PhaseState(*row), times) for row in (rows[0], rows[-1])]
    together = [PhaseState(*(x.reshape(-1, 4, 2, 2)[i] for x in path)) for i in (0, -1)]
    tolerance = 1e-3 if integrator.name in {i.name for i in ADAPTIVE} else 50 * torch.finfo(dtype).eps
    assert max(gap(a, b) for a, b in zip(alone, together, strict=True)) < tolerance


@over(INTEGRATORS)
def test_time_dtype_does_not_decide(integrator):
    """A float32 state on float64 times stays float32, and the other way round."""
    integrator = tight(integrator, 1e-6)
    for dtype, other in ((torch.float32, torch.float64), (torch.float64, torch.float32)):
        path = integrator.integrate(Driven(), start(2, 1, dtype=dtype), grid(0.8, 4, other))
        assert path.q.dtype == dtype
        assert gap(path, integrator.integrate(Driven(), start(2, 1, dtype=dtype), grid(0.8, 4, dtype))) < 3e-5


@pytest.mark.parametrize("batch", [(3,), (2, 3)])
@over(INTEGRATORS)
def test_own_grids(integrator, batch):
    """Each trajectory on times of its own, one of them backwards, as if it were alone."""
    z = start(*batch, 2, 1)
    g = torch.Generator().manual_seed(1)
    times = torch.rand(*batch, 4, generator=g, dtype=torch.float64).cumsum(-1) / 4
    times[(0,) * len(batch)] *= -1
    path = tight(integrator).integrate(Driven(), z, times)
    assert path.q.shape == (*batch, 4, 2, 1)
    for i in {(0,) * len(batch), tuple(n - 1 for n in batch)}:
        alone = tight(integrator).integrate(Driven(), PhaseState(z.q[i], z.p[i]), times[i])
        assert gap(PhaseState(path.q[i], path.p[i]), alone) < (
            ACCURACY.get(integrator.order, 1e-6) if integrator in ADAPTIVE else 1e-13
        )


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(FIXED)
def test_substeps(integrator, own):
    """k sub-steps are a grid k times finer, of which every k-th state is kept."""
    fine = grid(1.0, 12)
    fine = torch.stack([fine, -0.5 * fine]) if own else fine
    z = start(2, 2, 1)
    path = replace(integrator, substeps=4).integrate(Driven(), z, fine[..., ::4])
    wanted = integrator.integrate(Driven(), z, fine)
    assert gap(path, PhaseState(wanted.q[..., ::4, :, :], wanted.p[..., ::4, :, :])) < 1e-14
    assert gap(path, integrator.integrate(Driven(), z, fine[..., ::4])) > 1e-9


@over(INTEGRATORS)
def test_uneven_grid(integrator):
    """Steps follow a grid that is not even."""
    times = torch.tensor([0.0, 0.05, 0.06, 0.2, 0.5], dtype=torch.float64)
    settings = {"substeps": 30} if integrator in FIXED else {}
    path = replace(tight(integrator), **settings).integrate(Driven(), start(2, 1), times)
    error = gap(last(path), truth(Driven, (2, 1), 0.5))
    assert error < ACCURACY.get(integrator.order, 1e-6)


@over(INTEGRATORS)
def test_one_time_is_the_start(integrator):
    z = start(2, 1)
    path = integrator.integrate(Driven(), z, torch.tensor([0.3], dtype=torch.float64))
    assert torch.equal(path.q, z.q[None]) and torch.equal(path.p, z.p[None])


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(INTEGRATORS)
def test_progress(integrator, own):
    """Called once after each output time, in order."""
    times = grid(0.4, 4)
    seen = []
    times = torch.stack([times, -times]) if own else times
    tight(integrator).integrate(Driven(), start(2, 2, 1), times, lambda *x: seen.append(x))
    assert seen == [(i, 4) for i in range(1, 5)]


@over(INTEGRATORS)
def test_stream(integrator):
    """The states of `integrate`, one after the other."""
    times = torch.stack([grid(0.4, 4), -grid(0.3, 4)])
    z, integrator = start(2, 2, 1), tight(integrator)
    path = integrator.integrate(Driven(), z, times)
    states = list(integrator.stream(Driven(), z, times))
    assert len(states) == 5
    assert all(gap(s, PhaseState(path.q[:, i], path.p[:, i])) == 0 for i, s in enumerate(states))


@over(OURS)
def test_stream_does_not_wait(integrator):
    """Each state comes when it is reached; the error of the last one comes after those before it."""
    field = Wall()
    states = integrator.stream(field, start(2, 1), grid(20.0, 200))
    next(states), next(states)
    assert field.calls <= 20, "of 200 intervals and more, the first one"
    with pytest.raises(IntegrationError, match=r"between t = 0.5 and t = 0.6"):
        list(states)


def test_compensated_sum():
    """Many equal steps: the residual keeps what plain summation loses. The exact sum is known in integers."""
    for dtype, bits, steps in ((torch.float32, 24, 10_000), (torch.float64, 53, 100_000)):
        unit = torch.full((1, 1), 0.1, dtype=dtype)
        plain = PhaseState(unit, unit)
        kahan = CompensatedState.of(plain)
        for _ in range(steps):
            plain, kahan = plain.shift(dq=unit), kahan.shift(dq=unit)
        exact = (steps + 1) * int(unit.item() * 2**60)
        errors = [abs(int(x.q.item() * 2**60) - exact) / exact * 2**bits for x in (plain, kahan)]
        assert errors[1] <= 1 < 100 < errors[0]
        assert kahan.plain() == (kahan.q, kahan.p) and isinstance(kahan.plain(), PhaseState)


def test_compensated_add_is_exact():
    """s + r = x + y without error where |x| ≥ |y|."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1000, generator=g, dtype=torch.float32) + 10
    y = torch.randn(1000, generator=g, dtype=torch.float32) * 1e-3
    s, r = compensated_add(x, torch.zeros_like(x), y)
    assert torch.equal(s.double() + r.double(), x.double() + y.double())
    assert not torch.equal(s.double(), x.double() + y.double())


@over(OURS)
def test_compensated_steps(integrator):
    """In float32 against the same method in float64: much nearer after many steps, equal after few."""
    z, times = start(64, 1, 1), grid(50.0, 500).float().double()
    single = PhaseState(*(x.float() for x in z))
    exact = integrator.integrate(Pendulums(), PhaseState(*(x.double() for x in single)), times)

    def errors(path):
        return (path.q.double() - exact.q).square().mean((0, 2, 3)).sqrt()

    plain, kahan = (
        errors(replace(integrator, compensated=flag).integrate(Pendulums(), single, times)) for flag in (False, True)
    )
    assert kahan[-1] < plain[-1] / 3
    assert (plain[:5] - kahan[:5]).abs().max() < 1e-6


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


def test_rk4_is_the_three_eighths_rule():
    """torchdiffeq's rk4, by hand: k = f(t), f(t + h/3), f(t + 2h/3), f(t + h), weights 1/8, 3/8, 3/8, 1/8."""
    f, z, h = Melting(), start(2, 1), 0.3
    t0, t1, t2, t3 = (torch.tensor(0.2 + h * k / 3, dtype=torch.float64) for k in range(4))
    k1 = f(t0, z)
    k2 = f(t1, z.shift(*(h / 3 * a for a in k1)))
    k3 = f(t2, z.shift(*(h * (b - a / 3) for a, b in zip(k1, k2, strict=True))))
    k4 = f(t3, z.shift(*(h * (a - b + c) for a, b, c in zip(k1, k2, k3, strict=True))))
    wanted = z.shift(*(h / 8 * (a + 3 * b + 3 * c + d) for a, b, c, d in zip(k1, k2, k3, k4, strict=True)))
    assert gap(last(integrate(f, z, torch.stack([t0, t3]), "rk4")), wanted) < 1e-15


def test_dopri8_is_as_accurate_between_as_at_the_end():
    """On a fine grid too: torchdiffeq's interpolation would be off by a thousand tolerances."""
    z, times = start(2, 1), grid(4.0, 8)
    path = integrate(Pendulums(), z, times, "dopri8", rtol=1e-10, atol=1e-10)
    for i in (1, 3, 8):
        here = PhaseState(path.q[i], path.p[i])
        assert gap(here, truth(Pendulums, (2, 1), times[i].item())) < 2e-9


def test_integrate_takes_an_integrator():
    z, times = start(2, 1), grid(1.0, 5)
    path = integrate(Driven(), z, times, make_integrator("yoshida4", substeps=2))
    assert gap(path, integrate(Driven(), z, times, substeps=2)) == 0
    assert all(make_integrator(name).name == name for name in METHODS)


@over(INTEGRATORS)
def test_inputs_stay(integrator):
    z, times = start(2, 1), grid(0.3, 2)
    copies = [x.clone() for x in (*z, times)]
    tight(integrator).integrate(Driven(), z, times)
    assert all(torch.equal(a, b) for a, b in zip((*z, times), copies, strict=True))


class Exploding(SeparableField):
    """ṗ = q⁵: infinity is reached in finite time."""

    linear_velocity = True

    def velocity(self, t, p):
        return p

    def force(self, t, q):
        return q**5


class Wall(Pendulums):
    """A force that is no number after the time `end`."""

    def __init__(self, end: float = 0.52):
        super().__init__()
        self.end = end

    def force(self, t, q):
        self.calls += 1
        return torch.where(t > self.end, torch.full_like(q, math.nan), -q)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(FIXED)
def test_explosion_is_reported(integrator, own):
    """By the time, and by the trajectory that did it where each is stepped by itself."""
    z = PhaseState(torch.tensor([0.0, 3.0]).reshape(2, 1, 1).double(), torch.zeros(2, 1, 1).double())
    times = torch.stack([grid(50.0, 100), grid(50.0, 100) * 1.5]) if own else grid(50.0, 100)
    with pytest.raises(IntegrationError, match=r"left the finite numbers between t = .* \(trajectory 1\)"):
        integrator.integrate(Exploding(), z, times)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@over(ADAPTIVE)
def test_halt_is_reported(integrator, own):
    times = torch.stack([grid(2.0, 4), grid(2.0, 4) * 1.5]) if own else grid(2.0, 4)
    with pytest.raises(
        IntegrationError, match=rf"{integrator.name} came to a halt near t = 0\.[0-5].*: no step is small"
    ):
        integrator.integrate(Wall(), start(2, 2, 1), times)


@pytest.mark.parametrize("end", [0.5, 12.7, 15.3, 19.9])
def test_explosion_names_the_first_bad_time(end):
    """The interval in which it happened, though the loop looks at the state only now and then."""
    with pytest.raises(IntegrationError, match=rf"between t = {end:g} and t = {end + 0.1:g} \(trajectory 0\)"):
        integrate(Wall(end + 0.02), start(2, 1), grid(20.0, 200), "rkn4")


def test_own_assertions_pass():
    """An assertion of the user's field is not taken for one of torchdiffeq."""

    class Picky(Pendulums):
        def force(self, t, q):
            raise AssertionError("mine")

    with pytest.raises(AssertionError, match="mine"):
        integrate(Picky(), start(2, 1), grid(1.0, 2), "dopri5")


def _bad(name: str, value: float) -> PhaseState:
    q, p = (x.clone() for x in start(3, 2, 1))
    {"q": q, "p": p}[name][1, 0, 0] = value
    return PhaseState(q, p)


T = grid(1.0, 4)
Z = start(3, 2, 1)
BAD_PROBLEMS = {
    "times of another batch": (
        Z,
        T.expand(2, 5),
        r"times must be of shape \(time,\) or \(3, time\), got \(2, 5\)",
    ),
    "times without axis": (Z, T[0], r"times must be of shape \(time,\) or \(3, time\), got \(\)"),
    "no times": (Z, T[:0], r"times must be of shape \(time,\) or \(3, time\), got \(0,\)"),
    "integer times": (Z, torch.arange(4), "times must be a floating tensor, got torch.int64"),
    "learned times": (Z, T.clone().requires_grad_(), "times must not require grad"),
    "infinite time": (Z, torch.tensor([0.0, math.inf]), "times must be finite, got inf"),
    "equal times": (Z, torch.tensor([0.0, 1.0, 1.0]), r"strictly increasing or .* at index \(1,\)"),
    "times that turn": (Z, torch.tensor([0.0, 1.0, 0.5]), r"strictly increasing or .* at index \(1,\)"),
    "one row turns": (Z, torch.stack([T, T, T * 0 + 1]), r"strictly increasing or .* at index \(2, 0\)"),
    "no body axis": (
        PhaseState(torch.zeros(3), torch.zeros(3)),
        T,
        r"q must be .* \(\*batch, n, d\), got \(3,\)",
    ),
    "integer state": (PhaseState(*(x.long() for x in Z)), T, "q must be a floating tensor .* of torch.int64"),
    "p of another shape": (
        PhaseState(Z.q, Z.p[:2]),
        T,
        r"p must be of shape \(3, 2, 1\) .*, got \(2, 2, 1\)",
    ),
    "p of another dtype": (
        PhaseState(Z.q, Z.p.float()),
        T,
        "p must be .* torch.float64 like q, got .*float32",
    ),
    "q is NaN": (_bad("q", math.nan), T, r"initial q must be finite, got nan at index \(1, 0, 0\)"),
    "p is infinite": (_bad("p", math.inf), T, r"initial p must be finite, got inf at index \(1, 0, 0\)"),
}


@pytest.mark.parametrize("case", BAD_PROBLEMS)
@pytest.mark.parametrize("name", ["leapfrog", "rk4", "dopri5"])
def test_bad_problems(name, case):
    state, times, sentence = BAD_PROBLEMS[case]
    with pytest.raises(InputError, match=sentence):
        integrate(Driven(), state, times, name)


BAD_SETTINGS = {
    "unknown method": ("verlet", {}, "method must be one of leapfrog, yoshida4, .*, got 'verlet'"),
    "not a name": (4, {}, "method must be a name or an Integrator, got 4"),
    "unknown setting": (
        "leapfrog",
        {"steps": 2},
        r"leapfrog has no setting steps \(it has substeps, compensated\)$",
    ),
    "rtol of a fixed step": (
        "rk4",
        {"rtol": 1e-6},
        "rk4 has no setting rtol .*: its step is the grid's: raise substeps",
    ),
    "atol of a splitting": (
        "yoshida4",
        {"atol": 1e-6},
        "yoshida4 has no setting atol .*: its step is the grid's",
    ),
    "substeps of dopri5": (
        "dopri5",
        {"substeps": 2},
        "dopri5 has no setting substeps .*: .* lower rtol and atol",
    ),
    "compensated rk4": (
        "rk4",
        {"compensated": True},
        "rk4 has no setting compensated .*: take a method that sums",
    ),
    "adjoint leapfrog": (
        "leapfrog",
        {"adjoint": True},
        "leapfrog has no setting adjoint .*: leave adjoint out|adjoint",
    ),
    "settings beside an instance": (
        make_integrator("rk4"),
        {"substeps": 2},
        r"settings \(substeps\) belong to",
    ),
    "no substeps": ("leapfrog", {"substeps": 0}, "substeps must be an integer of at least 1, got 0"),
    "half a substep": ("rk4", {"substeps": 1.5}, "substeps must be an integer of at least 1, got 1.5"),
    "substeps True": ("rk4", {"substeps": True}, "substeps must be an integer of at least 1, got True"),
    "compensated 1": ("rkn4", {"compensated": 1}, "compensated must be True or False, got 1"),
    "adjoint yes": ("dopri5", {"adjoint": "yes"}, "adjoint must be True or False, got 'yes'"),
    "rtol 0": ("dopri5", {"rtol": 0.0}, "rtol must be a positive number, got 0.0"),
    "atol NaN": ("dopri8", {"atol": math.nan}, "atol must be a positive number, got nan"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings(case):
    method, settings, sentence = BAD_SETTINGS[case]
    with pytest.raises(InputError, match=sentence):
        integrate(Driven(), Z, T, method, **settings)


@over([i for i in INTEGRATORS if i.needs_separable])
def test_fields_that_do_not_fit(integrator):
    with pytest.raises(
        InputError, match=rf"{integrator.name} needs velocity and force apart .*, got Charged: take gauss4, rk4"
    ):
        integrator.integrate(Charged(), start(2, 2), T)
    if integrator.name == "rkn4":
        with pytest.raises(InputError, match=r"rkn4 needs a velocity linear in p .* Melting .*: take yoshida4"):
            integrator.integrate(Melting(), start(2, 2), T)


@pytest.mark.parametrize("name", ["leapfrog", "rk4", "dopri5"])
def test_fields_that_change_the_state(name):
    class Wide(Pendulums):
        def force(self, t, q):
            return -q.expand(5, 2, 1)

    class Double(Pendulums):
        def force(self, t, q):
            return -q.double()

    with pytest.raises(InputError, match=r"adds to [qp] must be of shape \(2, 1\) and .*, got \(5, 2, 1\)"):
        integrate(Wide(), start(2, 1), T, name)
    with pytest.raises(InputError, match=r"adds to [qp] must be .* torch.float32 like the state, got .* torch.float64"):
        integrate(Double(), start(2, 1, dtype=torch.float32), T, name)
