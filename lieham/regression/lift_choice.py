"""The choice of a lift: a richer one, such as one that sees angles, is taken if it predicts held-out windows better."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log
from typing import NamedTuple

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.cross_validation import SOLVED
from lieham.regression.interpolant import known, split_resolved, thinned
from lieham.regression.problem import RidgeProblem
from lieham.regression.selection import select
from lieham.regression.stage import MOST_ROWS, never
from lieham.state import Trajectory

GAIN = 4.0
"""How many times less the richer lift must leave of held-out windows, to be taken."""
MOST_BODIES = 8
"""Most bodies for which a richer lift is tried: edges see all triples."""
RICHER_ROWS = 10_000
"""About how many rows the richer lift is tried on: its functions are many, and the choice needs no more."""


class LiftChoice(NamedTuple):
    """The model that was chosen, and its regression where that was posed on all rows."""

    model: Hamiltonian
    posed: RidgeProblem | None


def choose_lift(
    model: Hamiltonian,
    richer: Hamiltonian | None,
    windows: Trajectory,
    loss: ShootingLoss,
    may_stop: Callable[[], None] = never,
) -> LiftChoice:
    """Return `model`, or `richer` where that leaves `GAIN` times less of held-out windows; neither is changed.

    Nothing is tried where `richer` is None, where `model` has no dictionary, where its functions are enough, and for
    more than `MOST_BODIES` bodies or fewer than 3.

    Args:
        model: the model, with its units measured on `windows`.
        richer: the model to try, with its own units not measured yet; see `Hamiltonian.richer`.
        windows: the windows of training.
        loss: the loss, with its units measured.
        may_stop: called between the two; it raises Interrupted when somebody asked for that.
    """
    dictionary = model.dictionary()
    if richer is None or dictionary is None or windows.n_steps < 2:
        return LiftChoice(model, None)
    seen = thinned(split_resolved(windows, known(model, windows), loss.scale_q)[0], MOST_ROWS)
    posed, pairs = select(model, dictionary, seen, loss)
    if pairs.left < SOLVED or pairs.left == inf or not 3 <= windows.q.shape[-2] <= MOST_BODIES:
        return LiftChoice(model, posed)
    may_stop()
    richer.calibrate(windows)
    others = richer.dictionary()
    assert others is not None, "a richer lift is exact and its block the same"
    few = thinned(seen, RICHER_ROWS)
    tried, edges = select(richer, others, few, loss)
    if edges.left < pairs.left - log(GAIN):
        return LiftChoice(richer, tried if len(few) == len(seen) else None)
    return LiftChoice(model, posed)
