"""Weights and initial states together: Gauss-Newton with the states of every window eliminated."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import torch

from lieham.errors import InputError
from lieham.losses.free_states import Fitted, StatesLoss, check_length, cumulative, directions_of
from lieham.models import HLieConv
from lieham.optim.stage import Loss
from lieham.regression.cross_validation import RIDGES, choose, lots
from lieham.regression.dictionary import Basis, copy, kernel, mixing_of
from lieham.regression.posing import clear, order_of, weights_of
from lieham.regression.problem import Problem
from lieham.regression.ridge_stage import LinearStage, thinned, value_of
from lieham.regression.weak_form import slopes_of
from lieham.state import PhaseState, Trajectory

SLACK = 0.002
"""How much worse, in the logarithm of the mean square, a simpler choice may be: noise hides a bias of its own size."""
STEPS = 6
"""Most Gauss-Newton steps."""
TRIES = 3
"""How many ridges are tried where a step makes the loss no less, each `STRONGER` than the one before."""
STRONGER = 1e3
WORSE = 2.0
"""By what factor a step may raise the loss: functions chosen anew along a better path may be fewer."""
SETTLED = 1e-3
"""Relative change of the loss at which no step follows."""


class StatesStage(LinearStage):
    """Gauss-Newton for θ and the initial states; the states of a window, that no other shares, are eliminated.

    Along a path q(t), z_{k+1} = Ψ_k z_k + ∫ (drift, F) dt is linear in θ and z₀: with the tangents M of z₀ and N of θ,
    |r + Nθ − Nθ' − M δ|² is least over δ where both are projected off M's columns (variable projection, Golub and
    Pereyra 1973), which leaves a problem for θ' alone. Functions and ridge are chosen by cross-validation over windows,
    as in the linear stage. The first path is the polynomial of degree `DEGREE` or less through the observed positions
    with Ψ that of free flight, so it needs neither momenta nor a model: for positions it says that their divided
    second differences are means of F/m. Each further one is the model's own flow from the states that fit best.
    """

    name = "states"
    hands_on = True

    def __init__(
        self,
        model: torch.nn.Module,
        windows: Trajectory,
        loss: StatesLoss,
        wanted: bool,
        may_stop: Callable[[], None] = lambda: None,
    ):
        check_length(windows.n_steps + 1)
        super().__init__(model, windows, loss, wanted, may_stop)
        self.windows = thinned(windows)
        if not (self.total and isinstance(model, HLieConv)):
            raise InputError(
                "observed must be exact for this model, since noise and positions alone are learned from by models "
                "that are linear in their last kernel: HLieConv with gated blocks and a lift that is exact"
            )

    def _solve(self, loss: Loss) -> float:
        """Write the solution into the model; returns its loss."""
        weights, value = weights_of(self._model), inf
        at = self.loss.unmodelled(self.windows)
        for _ in range(STEPS):
            old, before = [x.detach().clone() for x in weights], value
            problem = _posed(self._model, self.windows, self.loss, at)
            value = self._descend(problem, loss, WORSE * before)
            if value == inf:
                copy(weights, old)
                return before
            if abs(value - before) < SETTLED * value:
                break
            at = self.loss.fit(self._model, self.windows)
        return value

    def _descend(self, problem: Problem, loss: Loss, most: float) -> float:
        """Write the solution; its loss, infinite where it is above `most` with all of the ridges tried."""
        clear(self._model)
        problem.decompose(problem.ridge)
        for ridge in (problem.ridge * STRONGER**k for k in range(TRIES)):
            problem.ridge = min(ridge, RIDGES[0])
            problem.write(problem.solution(), weights_of(self._model)[:-1])
            value = value_of(loss)
            if value < most:
                return value
        return inf


@torch.no_grad()
def _posed(model: HLieConv, windows: Trajectory, loss: StatesLoss, at: Fitted) -> Problem:
    """The equations with functions and ridge chosen; the model is left as it was."""
    weights = weights_of(model)
    old = [w.clone() for w in weights]
    clear(model)
    try:
        mixing = mixing_of(model, windows)
        order = kernel(model).rank(model.potential.network.lift).to(mixing.device)
        tried = lots(order, mixing.shape[1])
        basis = Basis((order <= tried[-1]).nonzero().flatten(), mixing)
        problem = assemble_eliminated(model, windows, loss, at, basis)
    finally:
        copy(weights, old)
    choice = choose(problem, order_of(model, basis), tried, SLACK)
    problem.ridge, problem.columns = choice.ridge, choice.columns
    return problem


def assemble_eliminated(model: HLieConv, windows: Trajectory, loss: StatesLoss, at: Fitted, basis: Basis) -> Problem:
    """The equations for θ, the states of every window eliminated; `model` has θ = 0."""
    rest = model.field(windows.bodies.over_time()).force(windows.times[:, :-1], at.middle)
    forces = -slopes_of(model, PhaseState(at.middle, torch.zeros_like(at.middle)), windows.bodies, basis, 0)
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
    scale = rows[..., :-1].abs().amax((0, 1))
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    count = max(1, int(windows.bodies.mask.sum()) * windows.dim * (len(share) * int(seen.sum()) // len(seen) * 2 - 2))
    A, y = rows[..., :-1] / scale, rows[..., -1]
    return Problem(A, y, scale, basis, count, torch.ones_like(scale, dtype=torch.bool))
