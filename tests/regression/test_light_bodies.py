"""Light bodies beside a heavy one, all pushed from outside: every body counts, and the push is no part of the law."""

from __future__ import annotations

import pytest

import lieham
from tests.regression.planet_helpers import planets, shares_of_free_flight


def test_planets_are_forecast_well():
    """The errors are a hundredth of free flight's at most."""
    assert max(shares_of_free_flight(closed=True, sized=True)) < 1e-2


def test_with_the_push_in_the_equations_they_are_not():
    """Without sizes either, the star's motion by the push is all that is learned from: hardly better than no law."""
    closed, sized, neither = (shares_of_free_flight(*x) for x in ((True, True), (False, True), (False, False)))
    assert max(sized) > 3 * max(closed)
    assert min(neither) > 0.1 and min(neither) > 5 * max(sized)


def test_without_a_push_sizes_alone_change_nothing():
    """An exact law that all bodies obey is found in either way."""
    for sized in (True, False):
        assert max(shares_of_free_flight(closed=False, sized=sized, push=0.0)) < 1e-2


def test_fit_does_so_by_default():
    """By default the loss is closed, and the user is told of the push."""
    x = planets()
    model = lieham.HLieConv("SE(3)")
    with pytest.warns(lieham.LiehamWarning, match=r"accelerated alike from outside, by \(1e-08"):
        history = lieham.fit(model, lieham.Dataset(x[:6], x[6:7], x[7:]), steps=0, refine=0)
    assert "declare" not in history.warnings[0], "the push was taken out: no other group is needed"
