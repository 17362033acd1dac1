"""The choice of a lift: a richer one, such as one that sees angles, is taken if it predicts held-out windows better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, inf, log
from typing import NamedTuple, cast

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.cross_validation import MOST_COLUMNS, SLACK, SOLVED
from lieham.regression.dictionary import distinguishable
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
MOST_WIDE_WORK = 4e10
"""How many numbers the rows of a wide regression may compute."""
MOST_PRODUCTS = 2.5e12
"""How many products of rows and two columns a wide regression may take, some 40 seconds of two cores."""
STEPS = (0.06, 0.03, 0.015, 0.0075)
"""Changes of the share of bodies within the cutoff, by which the best one is sought."""
ENDS = 4.0
"""How many times less functions that end must leave than others, to be taken: those tell more with more columns."""
SCOUT_ROWS, SCOUT_COLUMNS = 3_000, 300
"""So many rows and columns tell which of some cutoffs is worth a trial."""
ROWS = 3
"""So many times more rows than functions are enough to choose by."""


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


class _Trial(NamedTuple):
    """What a model leaves of held-out windows, in the logarithm; with how many columns, and its regression."""

    model: Hamiltonian
    left: float
    columns: int
    posed: RidgeProblem | Solved | None
    windows: WindowBatch | None

    @property
    def name(self) -> str:
        """Return what the model's energy is a sum of."""
        return _dictionary(self.model).name

    def __str__(self) -> str:
        return f"{self.name} {exp(self.left):.1e} with {self.columns} columns"


def choose_lift(
    model: Hamiltonian,
    richer: Sequence[Hamiltonian],
    windows: Trajectory,
    loss: ShootingLoss,
    may_stop: Callable[[], None] = never,
) -> LiftChoice:
    """Return `model`, or one whose terms see more, where that leaves `GAIN` times less of held-out windows.

    Nothing is tried where `model` has no dictionary, and where its functions are enough. The models of `richer` that
    can see more in these bodies are tried, then those that are richer than the best of these, and so on until the law
    is found.
    What a trial costs is counted first (`work`): it sees as many windows as `TRIAL` allows, and there is none where
    that is too few. No model is changed but by measuring its units.

    Args:
        model: the model, with its units measured on `windows`.
        richer: models that see more, with their own units not measured yet; see `Hamiltonian.richer`.
        windows: the windows of training.
        loss: the loss, with its units measured.
        may_stop: called before each trial; it raises Interrupted when somebody asked for that.
    """
    dictionary = model.dictionary()
    if not richer or dictionary is None or not tell_forces(windows):
        return LiftChoice(model, None)
    seen = thinned(split_resolved(windows, known(model, windows), loss.scale_q)[0], MOST_ROWS)
    posed, pairs = select(model, dictionary, seen, loss)
    best = _Trial(model, pairs.left, int(posed.used.sum()), posed, None)
    if best.left < SOLVED or best.left == inf:
        return LiftChoice(model, posed)
    told = distinguishable(dictionary, seen).shape[1]
    said = [f"of held-out windows, {dictionary.name} leave {exp(best.left):.1e} of the mean square"]
    while richer and best.left >= SOLVED:
        trials: list[_Trial] = []
        for other in richer:
            other.calibrate(windows)
        for other in _promising([x for x in richer if _sees_more(_dictionary(x), seen, told)], (windows, seen), loss):
            may_stop()
            found = _tried(other, seen, loss)
            if isinstance(found, str):
                said.append(found)
                break
            said.append(str(found))
            trials.append(found)
            if found.left < SOLVED:
                break
        if not trials:
            break
        good = min(trials, key=lambda x: x.left + log(ENDS) * _dictionary(x.model).ends)
        if good.left >= SOLVED and good.columns <= MOST_COLUMNS:
            wide = _widened(good.model, seen, loss, ROWS * _dictionary(good.model).functions)
            if wide is not None and wide.left < good.left - SLACK:
                said.append(str(wide))
                good = wide
        best = good if good.left < best.left - log(GAIN) else best
        ways = [(x.left, more) for x in trials if (more := x.model.richer())]
        richer = cast("Sequence[Hamiltonian]", min(ways, key=lambda x: x[0])[1]) if ways else []
    if len(said) == 1:
        return LiftChoice(model, posed)
    return LiftChoice(best.model, best.posed, best.windows, f"{', '.join(said)}: {_taken(best)} are taken")


def _sees_more(other: Dictionary, seen: Trajectory, told: int) -> bool:
    """Return True where functions see more than pairs of these bodies: more bodies at once, or more products."""
    if other.least_bodies > 2:
        return seen.q.shape[-2] >= other.least_bodies
    return distinguishable(other, seen).shape[1] > told


def _promising(
    models: Sequence[Hamiltonian], windows: tuple[Trajectory, Trajectory], loss: ShootingLoss
) -> Iterator[Hamiltonian]:
    """Give the models whose functions do not end, and then the best of others if that beats these by a few columns.

    A few columns on a few windows tell at which distance functions end best, if they do at all: first among the models,
    then nearer and nearer to the best of them.
    """
    endless, ends = ([x for x in models if _dictionary(x).ends == end] for end in (False, True))
    yield from endless
    if not (endless and ends):
        yield from ends
        return
    least = min(_scouted(x, windows[1], loss) for x in endless if _dictionary(x).least_bodies > 2)
    left, best = min(((_scouted(x, windows[1], loss), x) for x in ends), key=lambda x: x[0])
    if left >= least - log(ENDS):
        return
    for step in STEPS:
        for other in cast("Sequence[Hamiltonian]", best.reaching(step)):
            other.calibrate(windows[0])
            found = _scouted(other, windows[1], loss)
            left, best = (found, other) if found < left else (left, best)
    yield best


def _scouted(model: Hamiltonian, seen: Trajectory, loss: ShootingLoss) -> float:
    """Return what a few columns leave of a few windows; infinite where that would cost too much."""
    own = _dictionary(model)
    few = affordable(thinned(seen, SCOUT_ROWS), numbers_for_a_window(own, seen), TRIAL / 10)
    return inf if few is None else select(model, own, few, loss, SCOUT_COLUMNS)[1].left


def _tried(model: Hamiltonian, seen: Trajectory, loss: ShootingLoss) -> _Trial | str:
    """Return what a richer model leaves with the functions of `select`, or why it was not tried.

    The last model, of many functions, is tried with all of them at once.
    """
    own = _dictionary(model)
    each = numbers_for_a_window(own, seen)
    few = affordable(thinned(seen, RICHER_ROWS), each, TRIAL)
    if few is None:
        return f"{own.name} were not tried, since each window would take {each:.0e} numbers to compute"
    if own.functions > MOST_COLUMNS and not model.richer():
        wide = _widened(model, seen, loss, MOST_ROWS)
        if wide is not None:
            return wide
    narrow, choice = select(model, own, few, loss)
    rest = affordable(seen, each, MOST_WORK) or few
    solved = narrow if len(few) == len(rest) else None
    return _Trial(model, choice.left, int(narrow.used.sum()), solved, batch_of(rest))


def _widened(model: Hamiltonian, seen: Trajectory, loss: ShootingLoss, most: int) -> _Trial | None:
    """Return what a model leaves with as many functions as at most some rows tell; None if `select` takes as many."""
    own = _dictionary(model)
    rest = affordable(seen, numbers_for_a_window(own, seen), MOST_WIDE_WORK)
    if rest is None:
        return None
    rest = thinned(rest, int(min(MOST_ROWS, MOST_PRODUCTS / own.functions**2)))
    some = thinned(rest, most)
    wide = widened(model, own, some, loss)
    if wide is None:
        return None
    posed = wide[0] if len(some) == len(rest) else None
    return _Trial(model, wide[1], len(wide[0].theta), posed, batch_of(rest))


def _taken(best: _Trial) -> str:
    """Return what was taken, in words."""
    return best.name if best.columns <= MOST_COLUMNS else f"the {best.columns} columns"


def _dictionary(model: Hamiltonian) -> Dictionary:
    found = model.dictionary()
    assert found is not None, "a richer lift is exact and its energy is linear"
    return found
