"""Errors of a forecast against a truth are means over bodies and components."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.forecasting import forecast
from lieham.metrics import state_mse
from lieham.state import PhaseState
from tests.forecasting.helpers import INITIAL, LAW, MODEL, padded
from tests.helpers.refusals import says


def test_errors_are_the_mean_over_bodies_and_components():
    rollout = forecast(MODEL, INITIAL, 3)
    truth = LAW.trajectories(5, 0, "train", points=4)
    a = rollout.trajectory
    errors = rollout.errors(truth)
    assert errors.shape == (5, 4) and errors[:, 0].eq(0).all()
    for k, t in ((0, 1), (3, 3)):
        q, p = a.q[k, t] - truth.q[k, t], a.p[k, t] - truth.p[k, t]
        squares = [x**2 for x in (*q.flatten().tolist(), *p.flatten().tolist())]
        # 12 terms, summed in another order.
        assert errors[k, t].item() == pytest.approx(sum(squares) / 12, rel=1e-13)
    states = PhaseState(truth.q, truth.p)
    assert torch.equal(rollout.errors(states), errors)


def test_errors_leave_padding_out():
    rollout = forecast(MODEL, INITIAL, 3)
    truth, plain = LAW.trajectories(5, 0, "train", points=4), forecast(MODEL, padded(INITIAL, 1), 3)
    # The padded forecast differs by rounding, on errors that are small themselves.
    torch.testing.assert_close(plain.errors(padded(truth, 1)), rollout.errors(truth), rtol=1e-9, atol=1e-20)
    zero = torch.zeros(2, 1, 3, 2, dtype=torch.float64)
    off = zero.clone()
    off[:, :, 2] = 7.0
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert state_mse(PhaseState(zero, zero), PhaseState(off, zero), mask).flatten().tolist() == [
        98 / 4 / 3,
        0,
    ]


def test_a_truth_of_another_shape_is_refused():
    says(
        InputError, lambda: forecast(MODEL, INITIAL, 2).errors(INITIAL),
        "truth must be q of shape (5, 3, 3, 2)", "got (5, 4, 3, 2)",
    )  # fmt: skip
