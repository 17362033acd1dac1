"""The default learner's stage: ridge regression in weak form, then Gauss-Newton corrections on the loss itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.shooting import MOST_SUBSTEPS, ShootingLoss
from lieham.optim.stage import Loss
from lieham.regression.cross_validation import FOLDS, RIDGES
from lieham.regression.energy_rows import energy_rows
from lieham.regression.interpolant import known, split_resolved, thinned
from lieham.regression.problem import RidgeProblem
from lieham.regression.robust import join
from lieham.regression.selection import clear, select_any
from lieham.regression.stage import MOST_ROWS, CoefficientStage, never, value_of
from lieham.regression.wide import Solved
from lieham.state import Trajectory
from lieham.typing import Float, Tensor

KEPT = 8_000_000
"""About how many functions of pairs are kept at a time for a derivative, each of them some 30 times: 2 GB."""
CORRECTIONS = 4
"""Most Gauss-Newton corrections."""
HOPELESS = 100.0
"""Two ridges whose loss is so many times the least one end the search: stronger ones would leave still more."""


class RidgeStage(CoefficientStage):
    """Ridge regression for the coefficients θ, then Gauss-Newton corrections on the loss; one step in all.

    The equations are those of `weak_form.assemble`, along the polynomial through the positions and velocities of a
    window (`interpolant.hermite`); where p is not m q̇, the solution itself tells the velocities
    (`selection.WeakForm.sharpened`). Columns and ridge are chosen by cross-validation (`cross_validation.choose`).
    Windows that show too little of their path, as in a close encounter, give their energies instead where p = m q̇
    (`robust.join`). Then δθ = −(RᵀR + λ)⁻¹ ∂L/∂θ with that problem's rows R while the loss L falls, which takes out
    what path and quadrature got wrong. There is no gradient descent, and no integration but for L.

    Where the loss then is below `TrainConfig.tolerance`, no further stage begins. Otherwise Adam begins from the
    weights before, since from a solution with large weights that cancel its steps lead away.

    Args:
        model, all_windows, loss, may_stop, notes: see `CoefficientStage`.
        chosen: the regression, where it was posed already, and the resolved windows that it sees; by default all, or
            some where they are many.
    """

    name = "ridge"
    learner = "ridge regression in weak form"
    hands_on = False
    windows: WindowBatch

    def __init__(
        self,
        model: Hamiltonian,
        all_windows: Trajectory,
        loss: ShootingLoss,
        may_stop: Callable[[], None] = never,
        notes: Mapping[str, str] | None = None,
        chosen: tuple[RidgeProblem | Solved | None, WindowBatch | None] = (None, None),
    ):
        super().__init__(model, all_windows, loss, may_stop, notes)
        resolved, self.unresolved = split_resolved(all_windows, known(model, all_windows), loss.scale_q)
        self._posed, windows = chosen
        self.windows = thinned(batch_of(resolved), MOST_ROWS) if windows is None else windows

    def _solve(self, loss: Loss) -> bool:
        assert self.dictionary is not None, "without a dictionary there are no steps"
        found = self._posed or select_any(self._model, self.dictionary, self.windows, self.loss)
        self._posed = None
        if found.is_solved:
            start = value_of(loss)
            cast(Solved, found).write(self.dictionary)
            return value_of(loss) < start
        problem = cast(RidgeProblem, found)
        if len(self.unresolved) < FOLDS:  # else what looks unexplained is what an encounter shows
            self._weigh_down(problem)
        start = value_of(loss)
        clear(self.dictionary)
        problem.decompose(problem.ridge)
        if len(self.unresolved) >= FOLDS and self._model.separable:
            more = energy_rows(self._model, self.dictionary, self.unresolved, problem.columns, problem.scale)
            join(problem, more, problem.columns.rank(self.dictionary))
        self._resolve(problem, loss, self.dictionary)
        return self._descend(problem, loss, self.dictionary) < start

    def _weigh_down(self, problem: RidgeProblem) -> None:
        """Weigh down what the regression does not explain, in its rows and in the loss alike."""
        weight = problem.weigh_down()
        if weight is not None:
            self.windows = self.windows.weighed(weight.unflatten(0, (-1, len(self.windows))).amin(0))

    def _resolve(self, problem: RidgeProblem, loss: Loss, dictionary: Dictionary) -> None:
        """Take more steps of the integrator in the loss while that halves it, which shows that its own error counts.

        Otherwise the corrections would fit the error of the integrator.
        """
        if not self.loss.refinable:
            return
        problem.write(problem.solution(), dictionary)
        value = value_of(loss)
        while self.loss.substeps < MOST_SUBSTEPS and not self.over():
            self.loss.take(2 * self.loss.substeps)
            finer = value_of(loss)
            if not finer < value / 2:
                self.loss.take(self.loss.substeps // 2)
                break
            value = finer

    def _descend(self, problem: RidgeProblem, loss: Loss, dictionary: Dictionary) -> float:
        """Write the ridge solution, correct it while the loss falls, and return the least loss.

        Of the ridges from the chosen one up, the one with the least loss is taken: where bodies meet more closely than
        at any node, functions that few pairs have seen can be wild, which the integrated windows show. What a stronger
        ridge leaves of the path only grows, so the search ends where two in a row are `HOPELESS` times the least loss.
        """
        tried: list[tuple[float, float]] = []
        for ridge in [x for x in reversed(RIDGES) if x >= problem.ridge]:
            if tried and (problem.beside is not None or min(tried[-2:])[0] > HOPELESS * min(tried)[0]):
                break
            problem.ridge = ridge
            z = problem.solution()
            problem.write(z, dictionary)
            tried.append((value_of(loss) + problem.loss_beside(z)[0], ridge))
            if self.over():
                break
        best, problem.ridge = min(tried)
        if best == torch.inf:
            return best
        z = problem.solution()
        problem.write(z, dictionary)
        for _ in range(CORRECTIONS):
            if self.over():
                break
            slope = 0.5 * problem.slope(self._slope(dictionary)) + problem.loss_beside(z)[1]
            trial = z - problem.solve(slope + problem.ridge * z)
            problem.write(trial, dictionary)
            value = value_of(loss) + problem.loss_beside(trial)[0]
            if not value < best:
                problem.write(z, dictionary)
                break
            best, z = value, trial
        return best

    def _slope(self, dictionary: Dictionary) -> Float[Tensor, " theta"]:
        """Return ∂loss/∂θ, some windows at a time, since every step of the integrator is kept for the derivative."""
        x = self.windows
        each = x.q.shape[-2] ** 2 * dictionary.functions * max(1, x.n_steps) * self.loss.substeps
        size, slope = max(1, KEPT // each), torch.zeros_like(dictionary.get())
        for k in range(0, len(x), size):
            self._may_stop()
            part = x[k : k + size]
            share = int(part.bodies.mask.sum()) / int(x.bodies.mask.sum())
            slope += dictionary.slope(self.loss(self._model, part)) * share
        return slope
