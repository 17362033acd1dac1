"""How narrow a function is, and that noisy data take no function that is narrower than they resolve."""

from __future__ import annotations

from math import inf

import pytest
import torch

from lieham import HLieConv
from lieham.lift.radial import POWERS
from lieham.regression.dictionary import columns_up_to, distinguishable, rank_of
from tests.helpers.training import data

GROUPS = [("Trivial(1)", 0), ("T(2)", 1), ("SE(2)", 1), ("SO(2)xT(1)", 0)]


@pytest.mark.parametrize(("group", "features"), GROUPS)
def test_a_width_is_the_length_over_which_the_function_falls_off(group, features):
    """(1 + c/s²)^(−p) at c = s²/(2p), its own width squared, is e^(−1/2) for large p, and 1/√2 for p = ½."""
    lift = HLieConv(group, features, width=8).potential.network.lift
    scales, width = lift.scales.double(), lift.width()
    few = len(lift.others)
    assert len(width) == lift.embedding_dim and bool((width[:few] == inf).all())
    assert scales.numel(), "the groups here have radial functions"
    for power, own in zip(POWERS, width[few:].unflatten(0, (len(POWERS), -1)), strict=True):
        values = (1 + own.square() / scales.flatten().square()) ** -power
        assert float(values.min()) > 0.606 and float(values.max()) < 0.7072
        if power >= 4:
            assert float(values.max()) == pytest.approx(0.6065, rel=0.04)


@pytest.mark.parametrize(("group", "features"), GROUPS)
def test_narrower_is_narrower(group, features):
    """The function falls from 1 to 0.7 or less over its width and hardly over a tenth of it."""
    lift = HLieConv(group, features, width=8).potential.network.lift
    scales, width = lift.scales.double().flatten(), lift.width()[len(lift.others) :].unflatten(0, (len(POWERS), -1))
    for power, own in zip(POWERS, width, strict=True):
        near = (1 + (0.1 * own).square() / scales.square()) ** -power
        assert float(near.min()) > 0.99


def test_the_dictionary_is_measured_in_the_unit_of_q():
    """After `calibrate` on data k times as long, every width is k times as long."""
    widths = []
    for k in (1.0, 1e3):
        x = data().train
        model = HLieConv("T(2)", 1, width=8)
        moved = type(x).of(x.times, k * x.q, k * x.p, x.bodies)
        model.calibrate(moved)
        widths.append(model.dictionary().width)
    finite = widths[0].isfinite() & (widths[0] > 0)
    assert int(finite.sum()) > 4
    torch.testing.assert_close(widths[1][finite], 1e3 * widths[0][finite], rtol=1e-5, atol=0)
    assert torch.equal(widths[0][~finite], widths[1][~finite])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_no_function_below_the_narrowest_is_left(share):
    """Those narrower than `narrowest`, and those of unknown width, are never taken; all others are."""
    x = data().train
    model = HLieConv("SE(2)", 1, width=8)
    model.calibrate(x)
    dictionary = model.dictionary()
    mixing, width = distinguishable(dictionary, x), dictionary.width
    known = width[width.isfinite() & (width > 0)].sort().values
    narrowest = float(known[int(share * len(known))]) if share else 0.0
    rank = rank_of(dictionary, mixing, narrowest)
    assert torch.equal(rank == inf, (width < narrowest).to(rank.device))
    most = float(rank[rank < inf].max())
    chosen = columns_up_to(dictionary, mixing, most, narrowest).chosen
    assert len(chosen) == int((width >= narrowest).sum())
    assert bool((width[chosen] >= narrowest).all())
    if share:
        assert len(columns_up_to(dictionary, mixing, most).chosen) > len(chosen), "else all are taken"
