"""Posing the regression of a model: along which path, with which columns, and with which ridge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.regression.cross_validation import (
    EXACT,
    SLACK,
    SOLVED,
    Choice,
    chosen,
    folds_of,
    rank_thresholds,
    share_left,
)
from lieham.regression.dictionary import MOST_SEEN, Columns, columns_up_to, distinguishable, rank_of
from lieham.regression.interpolant import Slopes, cut, known, rows_of
from lieham.regression.problem import RidgeProblem
from lieham.regression.weak_form import assemble, equations
from lieham.regression.wide import CHOICES, Solved, solve
from lieham.state import Trajectory
from lieham.typing import Tensor

PASSES = 6
"""How often the equations are posed at most with the same functions, where p is not m q̇."""


@contextmanager
def cleared(model: Hamiltonian, dictionary: Dictionary) -> Iterator[None]:
    """Run a block with θ = 0 and give the model its own weights back afterwards."""
    old = {name: x.clone() for name, x in model.state_dict().items()}
    clear(dictionary)
    try:
        yield
    finally:
        model.load_state_dict(old)


def clear(dictionary: Dictionary) -> None:
    """Put θ to 0."""
    dictionary.set(torch.zeros_like(dictionary.get()))


@torch.no_grad()
def select(
    model: Hamiltonian, dictionary: Dictionary, windows: Trajectory, loss: ShootingLoss, most: int | None = None
) -> tuple[RidgeProblem, Choice]:
    """Pose the regression with columns and ridge chosen by cross-validation; the model is left as it was.

    Args:
        model: the model whose coefficients are sought.
        dictionary: its dictionary.
        windows: resolved windows, (windows, time, n, d).
        loss: the shooting loss, with its units measured.
        most: the largest number of columns; see `rank_thresholds`.
    """
    with cleared(model, dictionary):
        return WeakForm(model, dictionary, cut(windows), loss, most).sharpened()


def select_any(
    model: Hamiltonian, dictionary: Dictionary, windows: Trajectory, loss: ShootingLoss
) -> RidgeProblem | Solved:
    """Pose the regression as `select` does, and solve it with more functions (`widened`) where those predict better."""
    narrow, choice = select(model, dictionary, windows, loss)
    wide = None if choice.left < SOLVED else widened(model, dictionary, windows, loss)
    return narrow if wide is None or wide[1] > choice.left - SLACK else wide[0]


@torch.no_grad()
def widened(
    model: Hamiltonian, dictionary: Dictionary, windows: Trajectory, loss: ShootingLoss
) -> tuple[Solved, float] | None:
    """Solve the regression with as many functions as the rows can tell, some parts of the rows at a time (`wide`).

    Args:
        model: the model whose coefficients are sought; it is left as it was.
        dictionary: its dictionary.
        windows: resolved windows, (windows, time, n, d), whose q̇ is known.
        loss: the shooting loss, with its units measured.

    Returns:
        The solution, and `Choice.left` of that without the windows held out. It is None where no more functions are
        there than `select` takes.
    """
    with cleared(model, dictionary):
        form = WeakForm(model, dictionary, cut(windows), loss)
        return form.widened()


class WeakForm:
    """The weak form of windows: posed once where p = m q̇, and otherwise along better and better paths.

    Args:
        model: the model, with θ = 0.
        dictionary: its dictionary.
        x: windows, (windows, time, n, d).
        loss: the shooting loss, which holds the units.
        most: the largest number of columns; see `rank_thresholds`.
    """

    def __init__(
        self,
        model: Hamiltonian,
        dictionary: Dictionary,
        x: Trajectory,
        loss: ShootingLoss,
        most: int | None = None,
    ):
        self.model, self.dictionary, self.x, self.loss = model, dictionary, x, loss
        self.slopes = known(model, x)
        self.mixing = distinguishable(dictionary, x)
        self.products = dictionary.products(x.bodies.map(lambda y: y[:MOST_SEEN]))
        self.thresholds = rank_thresholds(rank_of(dictionary, self.mixing), self.mixing.shape[1], most)

    def sharpened(self) -> tuple[RidgeProblem, Choice]:
        """Pose the equations, along the path that the solution itself tells where q̇ is not known.

        There the path is at first the polynomial through positions and momenta alone. The solution tells both slopes
        at the points, so the equations are posed again, linear about it, along the path that has them, while this helps
        with held-out windows: first with the coordinates alone, then with more functions if need be.
        """
        if self.slopes.q is not None:
            simplest = self.posed(self.thresholds[:1])
            return simplest if simplest[1].left < EXACT else self.posed(self.thresholds)
        best: tuple[RidgeProblem, Choice] | None = None
        for tried in (self.thresholds[:1], self.thresholds):
            for _ in range(PASSES):
                found = self.posed(tried)
                if best is not None and not found[1].left < best[1].left:
                    break
                best = found
                if best[1].left < EXACT:
                    return best
                self.slopes = self._solved(found[0])
        assert best is not None, "the first pass has nothing to be worse than"
        return best

    def posed(self, tried: list[float]) -> tuple[RidgeProblem, Choice]:
        """Pose the equations along the path so far, with columns and ridge chosen from these thresholds."""
        columns = columns_up_to(self.dictionary, self.mixing, tried[-1])

        def rows(of: Columns) -> RidgeProblem:
            return assemble(self.model, self.dictionary, self.x, self.loss, (of, self.slopes))

        return chosen(rows, self.dictionary, columns, self.products, (tried, SLACK))

    def widened(self) -> tuple[Solved, float] | None:
        """Solve for all functions, or for those of the least rank where there are more than rows."""
        x, r, ranks = batch_of(self.x), self.mixing.shape[1], rank_of(self.dictionary, self.mixing)
        if self.slopes.q is None or not r:
            return None
        most = len(x) * rows_of(x) // r
        levels = [level for level in ranks.unique().tolist() if int((ranks <= level).sum()) <= most]
        if not levels or levels[-1] <= self.thresholds[-1] or len(folds_of(x.origin, x.q).unique()) < 2:
            return None
        columns = Columns((ranks <= levels[-1]).nonzero().flatten(), self.mixing, self.dictionary.singles)
        columns = replace(columns, chosen=columns.chosen[ranks[columns.chosen].argsort(stable=True)])
        counts = [columns.singles + r * int((ranks <= level).sum()) for level in levels[-CHOICES:]]
        fold = folds_of(x.origin, x.q)
        out = fold == fold.max()

        def rows() -> Iterator[tuple[bool, Tensor, Tensor]]:
            for held in (False, True):
                for A, y in self._rows(x[out == held], columns):
                    pairs, singles = A.split([A.shape[-1] - columns.singles, columns.singles], -1)
                    whole = torch.cat([singles, pairs], -1) if columns.singles else A
                    yield held, whole.flatten(0, 1), y.flatten()

        after, before = solve(rows, columns, counts, x.q.double())
        whole, none = x[out], replace(columns, chosen=columns.chosen[:0], singles=0)
        start = _parts(whole, self._rows(whole, none))
        before.write(self.dictionary)
        return after, float(share_left(_parts(whole, self._rows(whole, none)), start))

    def _rows(self, x: WindowBatch, columns: Columns) -> Iterator[tuple[Tensor, Tensor]]:
        return equations(self.model, self.dictionary, x, self.loss, (columns, known(self.model, x)))

    def _solved(self, problem: RidgeProblem) -> Slopes:
        """Write the ridge solution into the model and return the slopes that it then has at the points."""
        problem.decompose(problem.ridge)
        problem.write(problem.solution(), self.dictionary)
        return Slopes(*self.model.field(self.x.bodies.over_time())(self.x.times.new_zeros(()), self.x.states()))


def _parts(x: WindowBatch, rows: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the mean square of the right-hand sides of every real body of windows."""
    y = torch.cat([y for _, y in rows])
    return y.square().unflatten(1, (x.q.shape[-2], -1)).mean(-1)[x.bodies.mask]
