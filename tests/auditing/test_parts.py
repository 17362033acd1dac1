"""The parts of an audit: its motions, how it tells a jump from a kink, and what it measures errors by."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lieham
from lieham.auditing import EXACT, ROUND_OFF, AuditConfig, audit
from lieham.auditing.configurations import Scale, algebra, motions
from lieham.auditing.smoothness import largest_jump
from lieham.auditing.targets import of_callable
from lieham.groups import make_group
from tests.auditing.helpers import FEW
from tests.helpers.faults import lennard_jones, pair_potential


def test_motions_reach_half_turns_and_a_thousand_lengths():
    group = make_group("E(3)")
    subject = of_callable(pair_potential, group, {}, AuditConfig(length=2.0))
    move = motions(group, algebra(group, subject, 1000, torch.Generator().manual_seed(0)), torch.float64)
    trace = move.A.diagonal(dim1=1, dim2=2).sum(1) * torch.linalg.det(move.A)
    assert trace.min() < -1 + 1e-9, "half turns"
    assert (torch.linalg.det(move.A) < 0).double().mean().item() == pytest.approx(0.5, abs=0.1)
    assert 1000 < move.b.norm(dim=1).max() < 2e4
    one = torch.eye(3, dtype=torch.float64).expand_as(move.A)
    torch.testing.assert_close(move.A @ move.A.mT, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "function, jumps",
    [
        (lambda s: (s > 0.613).double(), True),
        (lambda s: 1e-6 * (s > 0.613) + torch.sin(20 * s), True),
        (lambda s: (s - 0.613).abs(), False),
        (lambda s: (s - 0.613).abs().sqrt(), False),
        (lambda s: torch.sin(200 * s), False),
        (lambda s: 1 / ((s - 0.613) ** 2 + 1e-6), False),
    ],
)
def test_a_jump_is_told_from_a_kink_and_from_a_steep_slope(function, jumps):
    jump, where = largest_jump(function, 3, torch.float64, 1.0)
    assert bool((jump > 1e-8).all()) == jumps and bool((jump > 1e-8).any()) == jumps
    if jumps:
        torch.testing.assert_close(where, torch.full((3,), 0.613, dtype=torch.float64), rtol=0, atol=1e-9)


class Kinked(nn.Module):
    """Σ max(1 − d², 0)^k: it and k − 1 of its derivatives are continuous."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, q):
        return (1.5 - (q[:, :, None] - q[:, None]).square().sum(-1)).clamp(min=0).pow(self.k).sum((1, 2))


@pytest.mark.parametrize("k, sound, order", [(1, False, "it has 0"), (2, True, "it has 1"), (3, True, "2 or more")])
def test_smoothness_is_counted(k, sound, order):
    made = audit(Kinked(k), "E(3)", **FEW)
    assert order in made["smoothness order"].detail and made["continuity"].verdict in (EXACT, ROUND_OFF)
    assert ("smoothness order" not in made.broken) == sound


def test_errors_are_measured_by_what_round_off_enlarges():
    """A stiff law far from the origin: |∂f||x| eps is lost in rounding x alone."""
    subject = of_callable(lennard_jones, lieham.make_group("SE(3)"), {}, AuditConfig())
    scale = Scale.of(subject, torch.Generator().manual_seed(0))
    q = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    near, far = (scale.condition(subject, q, None, torch.full((2,), x, dtype=torch.float64)) for x in (0.0, 1e3))
    assert (far > 100 * near).all()
