"""Posing the linear equations of a model: along which path, with which functions, and with which ridge."""

from __future__ import annotations

from math import log

import torch

from lieham.losses.shooting import ShootingLoss
from lieham.models import LieConvModel
from lieham.regression.cross_validation import Choice, choose, lots
from lieham.regression.dictionary import Basis, copy, kernel, mixing_of
from lieham.regression.interpolant import Slopes, cut, known
from lieham.regression.problem import Problem
from lieham.regression.weak_form import assemble
from lieham.state import Trajectory
from lieham.typing import Float, Tensor

PASSES = 6
"""How often the equations are posed at most, with the same functions, where p is not m q̇."""
EXACT = log(1e-12)
"""Logarithm of the share of the mean square left where no more functions are tried then."""


def weights_of(model: LieConvModel) -> tuple[Tensor, ...]:
    """The last kernel's weights θ, and the bias of its outputs, which stays 0."""
    return *kernel(model).linear(), kernel(model).mlp[-1].bias


@torch.no_grad()
def clear(model: LieConvModel) -> None:
    """Put those weights to 0."""
    for x in weights_of(model):
        x.zero_()


@torch.no_grad()
def pose(model: LieConvModel, windows: Trajectory, loss: ShootingLoss) -> tuple[Problem, Choice]:
    """The equations of the model's θ, with the functions and the ridge chosen; the model is left as it was."""
    weights = weights_of(model)
    old = [w.clone() for w in weights]
    clear(model)
    try:
        return Equations(model, cut(windows), loss).sharpened()
    finally:
        copy(weights, old)


class Equations:
    """The equations of windows, posed once where p = m q̇, and otherwise along better and better paths."""

    def __init__(self, model: LieConvModel, x: Trajectory, loss: ShootingLoss):
        self.model, self.x, self.loss, self.slopes = model, x, loss, known(model, x)
        self.mixing = mixing_of(model, x)
        self.order = kernel(model).rank(model.potential.network.lift).to(self.mixing.device)
        self.lots = lots(self.order, self.mixing.shape[1])

    def sharpened(self) -> tuple[Problem, Choice]:
        """Where q̇ is not known, the path at first is the polynomial through positions and momenta alone. The solution
        tells both slopes at the points: the equations are posed again, linear about it, along the path that has them,
        while this helps with windows left out; with the coordinates alone, then with more functions if need be."""
        if self.slopes.q is not None:
            return self.posed(self.lots)
        best: tuple[Problem, Choice] | None = None
        for tried in (self.lots[:1], self.lots):
            for _ in range(PASSES):
                found = self.posed(tried)
                if best is not None and not found[1].left < best[1].left:
                    break
                best = found
                if best[1].left < EXACT:
                    return best
                self.slopes = self._solved(found[0])
        return best

    def posed(self, tried: list[float]) -> tuple[Problem, Choice]:
        """Along the path so far, with functions and ridge chosen from these lots."""
        basis = Basis((self.order <= tried[-1]).nonzero().flatten(), self.mixing)
        problem = assemble(self.model, self.x, self.loss, basis, self.slopes)
        choice = choose(problem, order_of(self.model, basis), tried)
        problem.ridge, problem.columns = choice.ridge, choice.columns
        return problem, choice

    def _solved(self, problem: Problem) -> Slopes:
        """Write the ridge solution into the model; the slopes that it then has at the points."""
        problem.decompose(problem.ridge)
        problem.write(problem.solution(), weights_of(self.model)[:-1])
        return Slopes(*self.model.field(self.x.bodies.over_time())(self.x.times.new_zeros(()), self.x.states()))


def order_of(model: LieConvModel, basis: Basis) -> Float[Tensor, " columns"]:
    """How late each column of the basis is to be tried."""
    order = kernel(model).rank(model.potential.network.lift).to(basis.mixing.device)
    return order[basis.chosen].repeat_interleave(basis.mixing.shape[1])
