"""One body in an external field: groups that allow it no force are refused, and the others learn the force."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.data import Dataset
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.groups.algebra import reaches_every_point
from lieham.state import Bodies, Trajectory
from lieham.training import fit
from tests.helpers.cases import GROUPS
from tests.helpers.refusals import says


def oscillators(d: int, n: int = 1, real: int = 1) -> Dataset:
    """Bodies on springs to the origin, in closed form; `real` of n are no padding."""
    draw = torch.Generator().manual_seed(0)
    t = torch.linspace(0, 6, 30, dtype=torch.float64)
    phase, size = (torch.rand(6, 1, n, d, generator=draw, dtype=torch.float64) for _ in range(2))
    angle = t[:, None, None] + 6 * phase
    mask = (torch.arange(n) < real).expand(6, n)
    bodies = Bodies.of(torch.ones(6, n, dtype=torch.float64), mask=mask)
    x = Trajectory.from_velocities(t, (0.5 + size) * angle.sin(), (0.5 + size) * angle.cos(), bodies)
    return Dataset(x[:4], x[4:])


@pytest.mark.parametrize("name", ["SE(2)", "SE(3)", "T(1)", "T(2)", "T(3)", "R*SO(2)", "R*Sq(2)"])
@pytest.mark.parametrize("padded", [1, 3])
def test_a_group_that_allows_no_force_on_one_body_is_refused(name, padded):
    group = make_group(name)
    d, data = group.space_dim, oscillators(group.space_dim, padded)
    model = lieham.HLieConv(group, width=8)
    wanted = (
        "group must allow a force on a single body",
        f"got {name}",
        f"declare {'SO' if d > 1 else 'Trivial'}({d})",
    )
    says(InputError, lambda: fit(model, data, steps=2, refine=0), *wanted, f"Trivial({d})")
    assert not bool(model.potential.calibrated), "the model is as it was"


@pytest.mark.parametrize("lift", ["coset", "tensor", "sampled"])
def test_no_lift_hides_it(lift):
    model = lieham.HLieConv("SE(2)", width=8, lift=lift)
    says(InputError, lambda: fit(model, oscillators(2), steps=2, refine=0), "group must allow a force", "got SE(2)")


@pytest.mark.parametrize("name", ["SO(2)", "SO(3)", "Trivial(1)", "Trivial(2)"])
def test_a_group_that_allows_the_force_learns_it(name):
    data = oscillators(make_group(name).space_dim)
    assert fit(lieham.HLieConv(name, width=16), data, steps=0, refine=0).best < 1e-8


def test_a_group_that_allows_some_force_is_not_refused():
    fit(lieham.HLieConv("SE(2)xTrivial(1)", width=8), oscillators(3), steps=0, refine=0)
    for other in (oscillators(2, 2, 2), oscillators(2, 3, 2)):
        fit(lieham.HLieConv("SE(2)", width=8), other, steps=0, refine=0)


def test_any_hamiltonian_that_declares_translations_is_refused():
    class Own(lieham.Hamiltonian):
        def __init__(self, group: str) -> None:
            super().__init__()
            self.group, self.k = make_group(group), torch.nn.Parameter(torch.ones((), dtype=torch.float64))

        def energy(self, state, bodies):
            return (self.k * state.p.square()).sum((-2, -1))

    says(InputError, lambda: fit(Own("T(2)"), oscillators(2), steps=1), "group must allow a force", "got T(2)")
    says(
        InputError,
        lambda: fit(lieham.VectorPotentialLieConv("T(3)", width=8), oscillators(3)),
        "group must allow a force",
    )
    fit(Own("R*SO(2)"), oscillators(2), steps=1, refine=0)  # q·p may be in an H of any kind


def test_a_model_of_several_bodies_forecasts_one():
    """It flies freely, as its potential says."""
    x = oscillators(2).train
    path = lieham.forecast(lieham.HLieConv("SE(2)", width=8), x, 3).trajectory
    assert torch.equal(path.p[:, -1], path.p[:, 0])


def test_a_neighbourhood_without_neighbours_is_no_crash():
    """No function of the dictionary is other than 0, and the result is free flight."""
    fit(lieham.HLieConv("SE(2)", width=8, radius=1e-9, lift="coset"), oscillators(2, 2, 2), steps=0, refine=0)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_where_every_point_is_reached_the_potential_of_one_body_is_constant(group):
    """Against networks with random weights: V of one body varies just where the group leaves points apart."""
    model = lieham.HLieConv(group, width=8)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    q = 1 + torch.rand(20, 1, group.space_dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    V = model.potential(q, Bodies.of(torch.ones(20, 1, dtype=torch.float64)))
    assert (V.std() < 1e-12 * (1 + V.abs().max())) == reaches_every_point(group)
