"""A dictionary of pairs differentiates each pair by its two points, and equals forward derivatives of its functions."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.dynamics.dictionary import Dictionary
from lieham.lift import PairList
from lieham.neighbors import GivenPairs
from lieham.state import PhaseState
from tests.helpers.cases import MODELS, make_model
from tests.helpers.networks import padded

GATED = [name for name in MODELS if name.endswith(" gated")]


def both(model: lieham.HLieConv, along: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The dictionary's derivatives, of every second function and of mixed outputs, and the plain ones."""
    q, bodies = padded(model.group.space_dim)
    state, dictionary = PhaseState(q, torch.ones_like(q)), model.dictionary()
    outputs = dictionary.evaluate(state, bodies).shape[-1]
    mixing = torch.randn(outputs, 3, generator=torch.Generator().manual_seed(0), dtype=q.dtype)
    of = torch.arange(0, dictionary.functions, 2), mixing
    found = dictionary.derivatives(state, bodies, of, along)
    return found, Dictionary.derivatives(dictionary, state, bodies, of, along)


@pytest.mark.parametrize("name", GATED)
def test_pair_by_pair_equals_forward_derivatives(name):
    model = make_model(name)
    model.potential.length.fill_(1.7)
    model.potential.energy.fill_(0.3)
    assert model.potential.slopes() is not None
    found, plain = both(model)
    assert plain.abs().max() > 0
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-13 * plain.abs().max().item())


def test_by_momenta_and_where_a_pair_is_not_all_the_plain_way_is_taken():
    found, plain = both(make_model("SE(2) gated"), along=1)
    assert torch.equal(found, plain)
    for name in ("SE(2) near", "T(2) deep", "SE(2) deep"):
        assert make_model(name).potential.slopes() is None, name


def test_pairs_from_outside_are_not_taken_for_all_pairs():
    model = make_model("SE(2) gated")
    pair = torch.tensor([0]), torch.tensor([1])
    model.potential.network.neighbors = GivenPairs(PairList(*pair, points=padded(2)[0].shape[-2]), 1)
    found, plain = both(model)
    assert model.potential.slopes() is None
    torch.testing.assert_close(found, plain)


def test_a_pair_holds_fewer_numbers_than_all_coordinates_do():
    pairs, more = (make_model(name).dictionary() for name in ("SE(2) gated", "SE(2) deep"))
    assert pairs.work(10, 3) * 10 == 10 * 10 * pairs.functions * 10 * 3
    assert more.work(10, 3) == 10 * 10 * more.functions * 10 * 3
