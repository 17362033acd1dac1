"""Lifts have names, and what they cannot do is refused."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import LIFTS, CosetLift, PointLift, SampledLift, TensorLift, make_lift
from lieham.models import HLieConv
from lieham.state import Bodies
from tests.helpers.cases import cloud


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: TensorLift(make_group("SO(3)")), r"lift must be PointLift or CosetLift for SO\(3\), got TensorLift"),
        (lambda: SampledLift(make_group("T(2)")), r"lift must be PointLift for T\(2\), which acts freely"),
        (lambda: SampledLift(make_group("SE(2)"), samples=0), "samples must be at least 1, got 0"),
        (lambda: CosetLift(make_group("SE(2)"), radius=1.0, fill=0.5), "radius and fill must not both be given"),
        (lambda: CosetLift(make_group("SE(2)"), bases=0), "bases must be at least 1, got 0"),
        (lambda: PointLift(make_group("T(2)"), bases=-1), "bases must be at least 0, got -1"),
        (lambda: CosetLift(make_group("SE(2)"), radius=-1.0), "radius must be positive and finite, got -1.0"),
        (lambda: CosetLift(make_group("SE(2)"), fill=1.5), r"fill must be in \(0, 1\], got 1.5"),
        (lambda: PointLift(make_group("R*(2)"), radius=1.0), r"must go with a group that keeps lengths, got R\*\(2\)"),
        (lambda: make_lift("all", make_group("SE(2)")), "one of point, coset, tensor, sampled, got 'all'"),
        (lambda: make_lift("tensor", make_group("SE(2)"), samples=3), "lift tensor has no such setting"),
        (lambda: HLieConv("SE(2)", lift=CosetLift(make_group("SE(2)")), radius=1.0), "belong to the lift given"),
    ],
)
def test_a_bad_lift_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_more_points_than_frames_are_refused():
    model = HLieConv("SE(2)", lift=SampledLift(make_group("SE(2)"), bodies=3))
    q, _, bodies = cloud(2)
    with pytest.raises(InputError, match="bodies must be at least 5, the points of the cloud, got 3"):
        model.potential(q, Bodies.of(bodies.mass))


def test_every_lift_has_its_name():
    assert set(LIFTS) == {"point", "coset", "tensor", "sampled"}
    assert repr(CosetLift(make_group("SE(2)"), radius=2.0)) == "CosetLift(SE(2), radius=2.0, bases=12, own=False)"


def test_a_body_with_itself_is_marked_where_asked_for():
    """The first coordinate is 1 there and 0 elsewhere; the others, and the embedding, are as without the mark."""
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.ones(2, 4, dtype=torch.bool)
    marked, plain = (PointLift(make_group("SO(2)xT(1)"), own=own)(x, mask) for own in (True, False))
    assert torch.equal(marked.coordinates[..., 0], torch.eye(4, dtype=x.dtype).expand(2, 4, 4))
    assert torch.equal(marked.coordinates[..., 1:], plain.coordinates)
    assert torch.equal(marked.embedding, plain.embedding)
