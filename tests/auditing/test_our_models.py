"""The audit of this library's own models: exact lifts are exact, sampled ones hold on average."""

from __future__ import annotations

import pytest

from lieham.auditing import EXACT, ON_AVERAGE, ROUND_OFF, assert_sound, audit
from tests.helpers.cases import MODELS, SAMPLED, make_model


@pytest.mark.usefixtures("few_lines")
@pytest.mark.parametrize("name", MODELS)
def test_none_of_ours_is_called_broken_with_random_weights(name):
    made = assert_sound(make_model(name), count=20, n_bodies=3)
    assert {check.verdict for check in made.checks if check.declared} <= {EXACT, ROUND_OFF}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS | SAMPLED)
def test_nor_is_any_along_as_many_lines_as_users_have(name):
    assert_sound(make_model(name), count=20, n_bodies=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith(("SE", "SO", "T(2)", "T(3)"))])
def test_ten_thousand_moves_leave_h_to_a_trillionth(name, seed):
    made = audit(make_model(name), count=10_000, seed=seed)
    assert made["invariance"].worst <= 1e-12, f"\n{made}"


@pytest.mark.usefixtures("few_lines")
@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_lift_is_called_what_it_is(name):
    made = audit(make_model(name), count=20, n_bodies=3)
    assert made.sound and made["invariance"].verdict == ON_AVERAGE


@pytest.mark.usefixtures("few_lines")
def test_a_model_that_tells_left_from_right_is_found_out():
    """The negative control of O(d): x × y of SO(2) changes its sign in a mirror image."""
    made = audit(make_model("SO(2) gated"), "O(2)", count=20, n_bodies=3)
    assert made.broken == ["invariance"], f"\n{made}"
