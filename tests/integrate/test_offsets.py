"""Times far from zero: a motion does not depend on when it begins, in either precision."""

from __future__ import annotations

import pytest
import torch

from lieham.integrate import Field
from lieham.integrate.torchdiffeq_solvers import register
from lieham.state import PhaseState
from tests.helpers.cases import INTEGRATORS
from tests.integrate.helpers import ADAPTIVE, Driven, Pendulums, gap, over, start, tight

OFFSETS = [1e4, 2451545.0, 1.7e9]
DTYPES = [torch.float32, torch.float64]
TIMES = torch.tensor([0, 1, 2, 3, 5, 6], dtype=torch.float64) / 8
"""Multiples of 1/8, so that no offset rounds them."""


class Later(Driven):
    """`Driven`, but its clock begins at an offset; it subtracts that in the precision that it is given."""

    def __init__(self, offset: float):
        super().__init__()
        self.offset = offset

    def force(self, t, q):
        return super().force(t - self.offset, q)


def allowed(integrator, dtype: torch.dtype, offset: float) -> float:
    """Stage times are rounded to float64's spacing at the offset, and adaptive steps follow that."""
    spacing = torch.finfo(torch.float64).eps * offset
    return 20 * torch.finfo(dtype).eps + 20 * spacing + (1e-4 if integrator.name in {i.name for i in ADAPTIVE} else 0)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("offset", OFFSETS)
@over(INTEGRATORS)
def test_a_motion_does_not_depend_on_the_offset_of_its_times(integrator, offset, dtype, own):
    z, integrator = start(2, 2, 1, dtype=dtype), tight(integrator, 1e-5)
    times = torch.stack([TIMES, TIMES / 2]) if own else TIMES
    for field, later in ((Pendulums(), Pendulums()), (Driven(), Later(offset))):
        path, moved = integrator.integrate(field, z, times), integrator.integrate(later, z, times + offset)
        assert moved.q.dtype == moved.p.dtype == dtype
        assert gap(path, moved) <= allowed(integrator, dtype, offset)


@over(INTEGRATORS)
def test_times_that_float32_rounds_would_be_another_motion(integrator):
    """The negative: rounded to float32 at this offset, the same grid has other steps."""
    z, integrator = start(2, 2, 1, dtype=torch.float32), tight(integrator, 1e-5)
    rounded = (TIMES * 1.1 + 1e6).float().double()
    path, moved = (integrator.integrate(Pendulums(), z, t) for t in (TIMES * 1.1 + 1e6, rounded))
    assert gap(path, moved) > 1e-3


class Clock(Field):
    """A field that notes the times it is asked at."""

    def __init__(self):
        self.seen = []

    def __call__(self, t, state):
        self.seen.append(t)
        return PhaseState(0 * state.q, 0 * state.p)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@over([i for i in INTEGRATORS if not i.needs_separable])
def test_a_field_is_given_times_in_float64(integrator, dtype):
    field = Clock()
    integrator.integrate(field, start(2, 2, 1, dtype=dtype), TIMES + 2451545)
    assert field.seen and {t.dtype for t in field.seen} == {torch.float64}
    low, high = min(t.min() for t in field.seen), max(t.max() for t in field.seen)
    assert low >= 2451545 - 1e-6 and high <= 2451547, "adaptive methods look a step ahead"


def test_gauss_in_torchdiffeq_steps_by_float64_times():
    from torchdiffeq import odeint

    register()
    y = torch.ones(1)
    ends = [odeint(lambda t, y: -y, y, TIMES + offset, method="gauss4")[-1] for offset in (0, 2451545)]
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-6, atol=0)
