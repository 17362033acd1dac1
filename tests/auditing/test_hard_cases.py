"""Faults that show at symmetric configurations, after many calls or far away, and functions without derivatives."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import lieham
from lieham.auditing import BROKEN, AuditConfig, assert_sound, audit
from lieham.auditing.symmetric import sites
from lieham.errors import InputError
from tests.helpers.faults import GramNetwork, absolute_position, pair_force, pair_potential

LITTLE = {"count": 20}

pytestmark = pytest.mark.usefixtures("few_lines")


def in_axes(q: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Even functions in the axes of inertia: invariant, and they jump where two moments are equal."""
    x = q - q.mean(1, keepdim=True)
    moments = x.mT @ (x if weight is None else weight[..., None] * x)
    along = (x @ torch.linalg.eigh(moments)[1]).square()
    return (-along * (1 + torch.arange(q.shape[-1], dtype=q.dtype))).exp().sum((1, 2))


def moments(q: torch.Tensor) -> torch.Tensor:
    """Powers of the matrix of inertia, in which equal moments are smooth."""
    x = q - q.mean(1, keepdim=True)
    M = x.mT @ x
    return (M @ M).diagonal(dim1=1, dim2=2).sum(1) / (1 + M.square().sum((1, 2))).sqrt()


def log_potential(q: torch.Tensor) -> torch.Tensor:
    """Gravity in the plane: infinite where bodies meet, and slowly so."""
    n = q.shape[1]
    d2 = (q[:, :, None] - q[:, None]).square().sum(-1) + torch.eye(n, dtype=q.dtype)
    return 0.5 * d2.log().sum((1, 2))


def bare(q: torch.Tensor) -> torch.Tensor:
    n = q.shape[1]
    d2 = (q[:, :, None] - q[:, None]).square().sum(-1) + torch.eye(n, dtype=q.dtype)
    return (d2.rsqrt() * (1 - torch.eye(n, dtype=q.dtype))).sum((1, 2))


def without_derivatives(function):
    return lambda q: torch.from_numpy(function(q.detach()).numpy().copy())


# Symmetric configurations


@pytest.mark.parametrize("n", [3, 4, 5, 7, 8])
def test_a_frame_of_equal_moments_jumps_in_space(n):
    made = audit(in_axes, "SE(3)", n_bodies=n, **LITTLE)
    assert "symmetric configurations" in made.broken, f"\n{made}"
    assert len(made["symmetric configurations"].input["q"]) == n


@pytest.mark.parametrize("n", [3, 5, 6])
def test_a_frame_of_equal_moments_jumps_in_the_plane(n):
    assert "symmetric configurations" in audit(in_axes, "SE(2)", n_bodies=n, **LITTLE).broken


def test_methane_moved_by_a_millionth():
    """The bodies differ, and no order of them is the one of the sites."""
    weight = torch.tensor([12.0, 1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    made = audit(in_axes, "SE(3)", inputs={"weight": weight[[1, 2, 0, 3, 4]]}, **LITTLE)
    assert "symmetric configurations" in made.broken


@pytest.mark.parametrize("function", [pair_potential, moments, log_potential, bare])
@pytest.mark.parametrize("group", ["SE(2)", "SE(3)"])
def test_what_is_smooth_or_infinite_there_does_not_jump(function, group):
    assert_sound(function, group, **LITTLE)


def test_sites_are_of_so_many_bodies():
    for n in (2, 3, 4, 5, 6, 7, 9):
        for dim in (1, 2, 3):
            assert all(x.shape == (n, dim) for x in sites(n, dim).values())
    methane = sites(5, 3)["a tetrahedron"]
    moment = methane.T @ methane
    torch.testing.assert_close(moment, moment[0, 0] * torch.eye(3, dtype=torch.float64))


# Functions that torch cannot differentiate


def falling(q: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0.0, 0.0, -9.8], dtype=q.dtype).expand_as(q)


def unequal(q: torch.Tensor) -> torch.Tensor:
    """Bodies are pulled by others and pull less themselves, the farther out they are: no reaction."""
    x = q - q.mean(1, keepdim=True)
    return pair_force(q) * (1 + 0.01 * x.square().sum(-1, keepdim=True))


def test_a_constant_force_has_a_net_force():
    made = audit(falling, "T(3)", kind="force", **LITTLE)
    assert {"net force", "{H, P_z}"} <= set(made.broken) and "{H, P_x}" not in made.broken
    along = audit(lambda q: falling(q).flip(-1), "T(3)", kind="force", **LITTLE)
    assert "{H, P_x}" in along.broken


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_force_without_derivatives_is_sound(seed):
    made = assert_sound(without_derivatives(pair_force), "SE(3)", kind="force", count=500, seed=seed)
    assert "torch cannot differentiate it" in made.skipped.values()


def test_what_derivatives_find_is_found_without():
    assert {"net force", "force = -∇V: loops"} <= set(
        audit(without_derivatives(unequal), "SE(3)", kind="force", **LITTLE).broken
    )
    assert_sound(without_derivatives(pair_potential), "SE(3)", force=pair_force, **LITTLE)
    assert "net force" in audit(without_derivatives(lambda q: q[..., 0].sum(1)), "T(3)", **LITTLE).broken
    assert "invariance" in audit(without_derivatives(absolute_position), "SE(3)", **LITTLE).broken
    other = audit(without_derivatives(pair_potential), "SE(3)", force=lambda q: 1.01 * pair_force(q), **LITTLE)
    assert "force = -∇V" in other.broken


# Precision, state and reach


class Held(nn.Module):
    """A network in float64 that is no part of the module tree."""

    def __init__(self):
        super().__init__()
        self.held = [nn.Linear(1, 1).double()]

    def forward(self, q):
        return self.held[0](pair_potential(q)[:, None])[:, 0]


@pytest.mark.parametrize("target", [GramNetwork(), Held(), lambda q: Held()(q) * 0 + pair_potential(q)])
def test_weights_do_not_break_float32(target):
    made = audit(target, "SE(3)", **LITTLE)
    assert "(broken)" not in str(made)
    assert ("float32" in made.names) != ("float32" in made.skipped)


def test_what_float32_cannot_hold_is_told():
    lost = audit(lambda q: pair_potential(q) * (1 + (q.dtype == torch.float32)), "SE(3)", **LITTLE)
    assert lost["float32"].verdict == BROKEN and not lost["float32"].declared


@pytest.mark.parametrize("after", [10, 200, 400])
def test_a_state_that_changes_with_the_calls_is_found(after):
    calls = []

    def counted(q):
        calls.append(0)
        return pair_potential(q) * (1 + 1e-6 * (len(calls) > after))

    made = audit(counted, "SE(3)", **LITTLE)
    assert set(made.broken) & {"determinism", "hidden state"}, f"\n{made}"
    assert audit(pair_potential, "SE(3)", **LITTLE)["hidden state"].worst == 0


def test_the_report_says_what_was_searched_and_reach_widens_it():
    def far_off(q):
        d2 = (q[:, :, None] - q[:, None]).square().sum(-1)
        return pair_potential(q) + 0.01 * (d2 > 40.0**2).to(q.dtype).sum((1, 2))

    near, wide = audit(far_off, "SE(3)", **LITTLE), audit(far_off, "SE(3)", reach=100.0, **LITTLE)
    assert near.sound and "continuity" in wide.broken
    assert near.searched["n"] == 5 and near.searched["distances"][1] < 40 < wide.searched["distances"][1]
    line = next(x for x in str(near).splitlines() if x.startswith("searched: "))
    assert "largest |q|" in line and "distances" in line and "n 5" in line
    assert json.loads(json.dumps(near.as_dict()))["searched"]["reach"] == 1.0
    model = audit(lieham.HLieConv("SE(2)", 1, width=8), n_bodies=3, **LITTLE)
    assert {"mass", "features"} <= model.searched.keys()
    with pytest.raises(InputError, match=r"reach must be a finite number of at least 1, got 0\.5"):
        AuditConfig(reach=0.5)


def test_reach_on_the_command_line(capsys):
    from lieham.cli import main

    arguments = ["audit", "tests.helpers.faults:pair_potential", "--group", "SE(3)", "--count", "20", "--reach", "10"]
    assert main(arguments) == 0 and "reach 10" in capsys.readouterr().out
