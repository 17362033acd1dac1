"""The choice of a lift: a richer one, such as one that sees angles, is taken if it predicts held-out windows better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, log
from typing import NamedTuple

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.cross_validation import SOLVED
from lieham.regression.interpolant import known, split_resolved, thinned
from lieham.regression.problem import RidgeProblem
from lieham.regression.selection import select, widened
from lieham.regression.stage import MOST_ROWS, never, tell_forces
from lieham.regression.wide import Solved
from lieham.regression.work import affordable, numbers_for_a_window
from lieham.state import Trajectory

GAIN = 2.0
"""How many times less the richer lift must leave of held-out windows, to be taken."""
RICHER_ROWS = 10_000
"""About how many rows the richer lift is tried on: its functions are many, and the choice needs no more."""
TRIAL = 6e9
"""How many numbers the trial of a richer lift may compute: some ten seconds of one core."""
MOST_WORK = 2e10
"""How many numbers the regression of a richer lift may compute, half a minute; beyond them it sees fewer windows."""


MOST_PRODUCTS = 1.5e12
"""How many products of rows and two columns the largest regression may take, some 20 seconds of two cores."""


class LiftChoice(NamedTuple):
    """The model that was chosen.

    Args:
        model: the model.
        posed: its regression, where that was posed already.
        windows: the windows that the regression is to see; None for those that it takes itself.
        said: what the choice was made by, in words; empty where there was none.
    """

    model: Hamiltonian
    posed: RidgeProblem | Solved | None
    windows: WindowBatch | None = None
    said: str = ""


def choose_lift(
    model: Hamiltonian,
    richer: Sequence[Hamiltonian],
    windows: Trajectory,
    loss: ShootingLoss,
    may_stop: Callable[[], None] = never,
) -> LiftChoice:
    """Return `model`, or the first of `richer` after which no other leaves `GAIN` times less of held-out windows.

    Nothing is tried where `model` has no dictionary, where its functions are enough, and for fewer than 3 bodies. The
    richer models are tried from the simplest on, until the law is found. What a trial costs is counted first (`work`):
    it sees as many windows as `TRIAL` allows, and there is none where that is too few. No model is changed but by
    measuring its units.

    Args:
        model: the model, with its units measured on `windows`.
        richer: the models to try, with their own units not measured yet; see `Hamiltonian.richer`.
        windows: the windows of training.
        loss: the loss, with its units measured.
        may_stop: called before each trial; it raises Interrupted when somebody asked for that.
    """
    dictionary = model.dictionary()
    if not richer or dictionary is None or not tell_forces(windows):
        return LiftChoice(model, None)
    seen = thinned(split_resolved(windows, known(model, windows), loss.scale_q)[0], MOST_ROWS)
    posed, pairs = select(model, dictionary, seen, loss)
    best, left, taken = LiftChoice(model, posed), pairs.left, dictionary.name
    if left < SOLVED or left == inf or windows.q.shape[-2] < 3:
        return best
    said = [f"of held-out windows, {dictionary.name} leave {exp(left):.1e} of the mean square"]
    last = None
    for other in richer:
        may_stop()
        other.calibrate(windows)
        others = _dictionary(other)
        each = numbers_for_a_window(others, seen)
        few = affordable(thinned(seen, RICHER_ROWS), each, TRIAL)
        if few is None:
            said.append(f"{others.name} were not tried, since each window would take {each:.0e} numbers to compute")
            break
        last = other
        tried, found = select(other, others, few, loss)
        said.append(f"{others.name} {exp(found.left):.1e} with {int(tried.used.sum())} columns")
        if found.left < left - log(GAIN):
            rest = affordable(seen, each, MOST_WORK) or few
            best, left = LiftChoice(other, tried if len(few) == len(rest) else None, batch_of(rest)), found.left
            taken = others.name
        if left < SOLVED:
            break
    if last is not None and left >= SOLVED:
        may_stop()
        many = _dictionary(last)
        rest = thinned(seen, int(min(MOST_ROWS, MOST_PRODUCTS / many.functions**2)))
        wide = widened(last, many, rest, loss)
        if wide is not None:
            columns = len(wide[0].theta)
            said.append(f"{many.name} {exp(wide[1]):.1e} with {columns} columns")
            if wide[1] < left - log(GAIN):
                best, taken = LiftChoice(last, wide[0], batch_of(rest)), f"the {columns} columns"
    return best._replace(said=f"{', '.join(said)}: {taken} are taken")


def _dictionary(model: Hamiltonian) -> Dictionary:
    found = model.dictionary()
    assert found is not None, "a richer lift is exact and its energy is linear"
    return found
