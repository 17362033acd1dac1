"""Coefficients and initial states together: Gauss-Newton with the states of every window eliminated."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError
from lieham.losses.free_states import Fitted, FreeStatesLoss, check_length, cumulative, directions_of, forces_of
from lieham.optim.stage import Loss
from lieham.regression.cross_validation import RIDGES, chosen, rank_thresholds
from lieham.regression.dictionary import MOST_SEEN, Columns, columns_up_to, distinguishable, rank_of
from lieham.regression.interpolant import thinned
from lieham.regression.problem import RidgeProblem, posed
from lieham.regression.selection import clear, cleared
from lieham.regression.stage import MOST_ROWS, CoefficientStage, never, value_of
from lieham.regression.weak_form import derivatives
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

SLACK = 0.01
"""By how much a simpler choice may be worse, in the logarithm of the mean square; noise hides a bias of its size."""
TIMES = 2
"""How often the ridge is used on what is left, so that a strong one does not shrink what the noise does not hide."""
STEPS = 6
"""Most Gauss-Newton steps."""
TRIES = 3
"""How many ridges are tried where a step makes the loss no less, each `STRONGER` than the one before."""
STRONGER = 1e3
WORSE = 2.0
"""By what factor a step may raise the loss: functions chosen anew along a better path may be fewer."""
SETTLED = 1e-3
"""Relative change of the loss at which no step follows."""


class StateEliminationStage(CoefficientStage):
    """Gauss-Newton for θ and the initial states; the states of a window, which no other shares, are eliminated.

    Along a path q(t), z_{k+1} = Ψ_k z_k + ∫ (drift, F) dt is linear in θ and z₀. With the tangents M of z₀ and N of θ,
    |r + Nθ − Nθ' − M δ|² is least over δ where both are projected off M's columns (variable projection, Golub and
    Pereyra 1973), which leaves a ridge regression for θ' alone. Columns and ridge are chosen by cross-validation over
    windows, as by `RidgeStage`. The first path is the polynomial of degree `DEGREE` or less through the observed
    positions, with Ψ that of free flight, so it needs neither momenta nor a model: for positions it says that their
    divided second differences are means of F/m. Each further path is the model's own flow from the states that fit
    best. Of noisy data no function is taken that is narrower than what a body moves from point to point: nothing would
    tell its course from noise.

    Args:
        model: a separable model with a dictionary; InputError for others.
        all_windows: windows of at least 3 points; InputError for shorter ones.
        loss: the loss with free initial states.
        may_stop: see `CoefficientStage`.
    """

    name = "ridge, free states"
    learner = "ridge regression in weak form, initial states eliminated"
    hands_on = True
    loss: FreeStatesLoss

    def __init__(
        self,
        model: Hamiltonian,
        all_windows: Trajectory,
        loss: FreeStatesLoss,
        may_stop: Callable[[], None] = never,
    ):
        check_length(all_windows.n_steps + 1)
        super().__init__(model, all_windows, loss, may_stop)
        if not (self.total and model.separable):
            raise InputError(
                "observed must be exact for this model, since noise and positions alone are learned from by models "
                "that are linear in their last kernel: HLieConv with gated blocks and a lift that is exact"
            )
        self.windows = thinned(all_windows, MOST_ROWS)

    def _solve(self, loss: Loss) -> bool:
        start = value_of(loss)
        return self._iterated(loss) < start

    def _iterated(self, loss: Loss) -> float:
        assert self.dictionary is not None, "a model without one was refused"
        value = inf
        at = self.loss.unmodelled(self.windows)
        for _ in range(STEPS):
            old, before = {name: x.clone() for name, x in self._model.state_dict().items()}, value
            problem = _posed(self._model, self.dictionary, self.windows, self.loss, at)
            value = self._descend(problem, loss, WORSE * before, self.dictionary)
            if value == inf:
                self._model.load_state_dict(old)
                return before
            if abs(value - before) < SETTLED * value:
                break
            at = self.loss.fit(self._model, self.windows)
        return value

    def _descend(self, problem: RidgeProblem, loss: Loss, most: float, dictionary: Dictionary) -> float:
        """Write the solution and return its loss, which is infinite where it is above `most` with all ridges tried."""
        clear(dictionary)
        problem.decompose(problem.ridge)
        for ridge in (problem.ridge * STRONGER**k for k in range(TRIES)):
            problem.ridge = min(ridge, RIDGES[0])
            problem.write(problem.solution(TIMES), dictionary)
            value = value_of(loss)
            if value < most:
                return value
        return inf


@torch.no_grad()
def _posed(
    model: Hamiltonian, dictionary: Dictionary, windows: Trajectory, loss: FreeStatesLoss, at: Fitted
) -> RidgeProblem:
    """Return the regression with columns and ridge chosen; the model is left as it was."""
    with cleared(model, dictionary):
        mixing = distinguishable(dictionary, windows)
        narrowest = float(loss.scale_q) if loss.momenta else 0.0
        tried = rank_thresholds(rank_of(dictionary, mixing, narrowest), mixing.shape[1])
        columns = columns_up_to(dictionary, mixing, tried[-1], narrowest)
        rest = forces_of(model, windows.bodies.over_time()).force(windows.times[:, :-1], at.middle)
        products = dictionary.products(windows.bodies.map(lambda y: y[:MOST_SEEN]))

        def rows(of: Columns) -> RidgeProblem:
            return assemble_eliminated(dictionary, windows, loss, at, (of, rest))

        return chosen(rows, dictionary, columns, products, (tried, SLACK))[0]


def assemble_eliminated(
    dictionary: Dictionary,
    windows: Trajectory,
    loss: FreeStatesLoss,
    at: Fitted,
    path: tuple[Columns, Float[Tensor, "b k n d"]],
) -> RidgeProblem:
    """Pose the equations for θ with the states of every window eliminated.

    Args:
        dictionary: the functions whose coefficients are sought.
        windows: windows, (windows, time, n, d).
        loss: the loss, which holds the units.
        at: the path through every window, with the flow linearised about it.
        path: the columns, and the force at the middle of every step of the model with θ = 0, (windows, steps, n, d).
    """
    columns, rest = path
    nowhere = PhaseState(at.middle, torch.zeros_like(at.middle))
    forces = -derivatives(dictionary, nowhere, windows.bodies, columns, 0)
    forces = torch.cat([forces, (at.force - rest).double()[..., None]], -1)
    real = windows.bodies.mask[:, None, :, None, None].double()
    h = windows.times.double().diff(dim=-1)[..., None, None]
    kick = (forces * real).flatten(2, 3) * h / loss.scale_p
    moved = torch.cat([loss.drift(windows)[..., None] / 2 * kick, kick], 2)
    seen = at.weight > 0
    share = [torch.zeros_like(moved[:, 0])]
    for flow, own in zip(at.flow.unbind(1), moved.unbind(1), strict=True):
        share.append(flow @ share[-1] + own)
    rows = torch.stack([x[:, seen] for x in share], 1) * at.weight[seen][:, None]
    rows[..., -1] += (at.weight * at.residual)[..., seen]
    U, _, _ = directions_of(cumulative(at.flow)[:, :, seen], at.weight[seen])
    rows = rows.flatten(1, 2)
    rows = rows - U @ (U.mT @ rows)
    count = max(1, int(windows.bodies.mask.sum()) * windows.dim * (len(share) * int(seen.sum()) // len(seen) * 2 - 2))
    return posed(rows[..., :-1], rows[..., -1], columns, count)
