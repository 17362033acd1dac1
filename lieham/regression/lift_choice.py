"""The choice of a lift: a richer one, such as one that sees angles, is taken if it predicts held-out windows better."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log
from typing import NamedTuple

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.cross_validation import SOLVED
from lieham.regression.interpolant import known, split_resolved, thinned
from lieham.regression.problem import RidgeProblem
from lieham.regression.selection import select
from lieham.regression.stage import MOST_ROWS, never
from lieham.regression.work import affordable, numbers_for_a_window
from lieham.state import Trajectory

GAIN = 4.0
"""How many times less the richer lift must leave of held-out windows, to be taken."""
MOST_BODIES = 8
"""Most bodies for which a richer lift is tried: edges see all triples."""
RICHER_ROWS = 10_000
"""About how many rows the richer lift is tried on: its functions are many, and the choice needs no more."""
TRIAL = 6e9
"""How many numbers the trial of a richer lift may compute: some ten seconds of one core."""
MOST_WORK = 2e10
"""How many numbers the regression of a richer lift may compute, half a minute; beyond them it sees fewer windows."""


class LiftChoice(NamedTuple):
    """The model that was chosen.

    Args:
        model: the model.
        posed: its regression, where that was posed already.
        windows: the windows that the regression is to see; None for those that it takes itself.
        said: what the choice was made by, in words; empty where there was none.
    """

    model: Hamiltonian
    posed: RidgeProblem | None
    windows: WindowBatch | None = None
    said: str = ""


def choose_lift(
    model: Hamiltonian,
    richer: Hamiltonian | None,
    windows: Trajectory,
    loss: ShootingLoss,
    may_stop: Callable[[], None] = never,
) -> LiftChoice:
    """Return `model`, or `richer` where that leaves `GAIN` times less of held-out windows; neither is changed.

    Nothing is tried where `richer` is None, where `model` has no dictionary, where its functions are enough, and for
    more than `MOST_BODIES` bodies or fewer than 3. What a trial costs is counted first (`work`): it sees as many
    windows as `TRIAL` allows, and there is none where that is too few.

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
    each = numbers_for_a_window(others, seen)
    few = affordable(thinned(seen, RICHER_ROWS), each, TRIAL)
    if few is None:
        return LiftChoice(model, posed, said=_TOO_DEAR.format(exp(pairs.left), each))
    tried, edges = select(richer, others, few, loss)
    shares = f"{exp(pairs.left):.1e} of the mean square, edges {exp(edges.left):.1e}"
    said = f"of held-out windows, functions of pairs leave {shares}"
    if not edges.left < pairs.left - log(GAIN):
        return LiftChoice(model, posed, said=f"{said}: the lift stays")
    rest = affordable(seen, each, MOST_WORK) or few
    return LiftChoice(richer, tried if len(few) == len(rest) else None, batch_of(rest), said)


_TOO_DEAR = (
    "functions of pairs leave {:.1e} of the mean square of held-out windows; lift='edge', which sees angles, was not "
    "tried, since each window would take {:.0e} numbers to compute"
)
