"""Integration on grids: batches, own times, substeps, streams, and progress."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.errors import IntegrationError
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import (
    ACCURACY,
    ADAPTIVE,
    FIXED,
    OURS,
    Driven,
    Wall,
    gap,
    grid,
    last,
    over,
    start,
    tight,
    truth,
)


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
