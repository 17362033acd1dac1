"""Laws of many bodies: what the default fit chooses, on fewer data than the benchmark has."""

from __future__ import annotations

import pytest

from benchmarks.data.many_bodies import LAWS, clusters
from benchmarks.scripts.many_bodies import gains


def test_each_law_has_data_and_a_goal():
    for make, goal in list(LAWS.values())[1:]:  # the first one is a law of `systems`
        data = make(2, 0)
        assert len(data.train) and len(data.test) and goal >= 1e4
        assert data.train.q.isfinite().all()


@pytest.mark.slow
def test_terms_that_end_are_found_where_the_law_ends():
    ratios, _, said = gains(clusters(120, 0))
    assert "within a cutoff are taken" in said
    assert ratios[-1] > 1e4, "what is asked of this law in the benchmark"
