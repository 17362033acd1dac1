"""The linear stage: the weights in which the energy is linear, by least squares, before any gradient descent."""

from __future__ import annotations

from copy import deepcopy
from math import inf, log

import torch

from lieham.errors import IntegrationError
from lieham.models import LieConvModel
from lieham.state import Trajectory
from lieham.training.choice import FOLDS, RIDGES, SOLVED, Choice, choose, lots
from lieham.training.equations import Basis, Problem, Slopes, assemble, copy, cut, kernel, known, mixing_of, resolution
from lieham.training.loss import ShootingLoss
from lieham.training.stages import Loss, Stage
from lieham.typing import Tensor

CORRECTIONS = 4
GAIN = 4.0
"""How many times less the lift with angles must leave of windows left out, to be taken."""
MOST_BODIES = 8
MOST_ROWS = 40_000
"""About how many equations are taken; of more windows, some, evenly spaced."""
PASSES = 6
"""How often the equations are posed at most, with the same functions, where p is not m q̇."""
EXACT = log(1e-12)
"""Logarithm of the share of the mean square left where no more functions are tried then."""
RESOLVED = 0.1
"""Error of the interpolation, in units of the change of q from point to point, up to which a window is taken."""


class LinearStage(Stage):
    """Ridge regression for the last kernel's weights θ, then Gauss-Newton steps on the loss itself; one step in all.

    Where H = K + Σ θ_fk Φ_fk(q, p), K = Σ|p|²/2m (`LieResNet.basis`), with F = −Σ θ ∂Φ/∂q along the observed path
    p_{k+1} − p_k = ∫ F dt and q_{k+1} − q_k − h p_k/m = ∫ (t_{k+1} − t) F/m + Σ θ ∂Φ/∂p dt are linear equations for θ;
    where H is not linear in θ, they are so about the last θ. Between the observed points the path is the polynomial
    through the window's positions and velocities (`hermite`), so the integrals, by Gauss-Legendre, hold for functions
    of any width; where p is not m q̇, the solution itself tells the velocities (`Equations.sharpened`). Windows that
    show too little of their path for that (`RESOLVED`), as in a close encounter, are left out. Functions and ridge
    are chosen by `FOLDS`-fold cross-validation (`choose`). Then δθ = −(RᵀR + λ)⁻¹ ∂L/∂θ with that problem's R while the
    loss L falls, which takes out what path and quadrature got wrong. No gradient descent, and no integration but for L.
    Where the loss then is below `TrainConfig.tolerance`, no further stage begins; otherwise Adam begins from the
    weights before, since from a solution with large weights that cancel its steps lead away.

    It has nothing to do, and `total` is 0, for models that are not linear in their last kernel, and for sampled lifts,
    whose solution would be that of one draw.
    """

    name = "linear"
    every = 1
    hands_on = False

    def __init__(self, model: torch.nn.Module, windows: Trajectory, loss: ShootingLoss, wanted: bool):
        self._model, self._all, self.loss, self._solved = model, windows, loss, model
        linear = isinstance(model, LieConvModel) and model.potential.network.blocks[-1].linear_in_kernel
        self.total = int(wanted and linear and model.exact and windows.n_steps > 1)
        self.windows = _thinned(_resolved(model, windows, loss)) if self.total else windows
        self._posed: Problem | None = None

    def choose_lift(self) -> None:
        """Let the model see angles where pairs of bodies leave `GAIN` times more of windows left out.

        It has to be asked before other stages take hold of the model's weights. Not tried where pairs are enough, and
        for more than `MOST_BODIES`: edges see all triples.
        """
        self._posed, pairs = _pose(self._model, self.windows, self.loss)
        if pairs.left < SOLVED or pairs.left == inf or not 3 <= self.windows.q.shape[-2] <= MOST_BODIES:
            return
        other = deepcopy(self._model)
        other.see_angles()
        other.calibrate(self._all)
        posed, edges = _pose(other, self.windows, self.loss)
        if edges.left < pairs.left - log(GAIN):
            self._model.see_angles()
            self._model.calibrate(self._all)
            self._posed = posed

    def step(self, loss: Loss) -> float:
        before, old = _value(loss), [x.detach().clone() for x in _weights(self._model)]
        own = loss if len(self.windows) == len(self._all) else lambda: self.loss(self._model, self.windows)
        start = before if own is loss else _value(own)
        try:
            if self._solve(own) < start:
                self._solved = deepcopy(self._model)
        finally:  # an interrupted step is undone too
            copy(_weights(self._model), old)
        return before

    def _solve(self, loss: Loss) -> float:
        """Write the solution into the model; returns its loss."""
        problem = self._posed or _pose(self._model, self.windows, self.loss)[0]
        self._posed = None
        _clear(self._model)
        problem.decompose(problem.ridge)
        return self._descend(problem, loss)

    def _descend(self, problem: Problem, loss: Loss) -> float:
        """Write the ridge solution, correct it while the loss falls, and return the least loss.

        Of the ridges from the chosen one up, the one with the least loss counts: where bodies meet more closely than
        at any node, functions that few pairs have seen can be wild, which the integrated windows show.
        """
        weights = _weights(self._model)[:-1]
        tried = []
        for ridge in [x for x in RIDGES if x >= problem.ridge]:
            problem.ridge = ridge
            problem.write(problem.solve(problem.right), weights)
            tried.append((_value(loss), ridge))
        best, problem.ridge = min(tried)
        if best == torch.inf:
            return best
        z = problem.solve(problem.right)
        problem.write(z, weights)
        for _ in range(CORRECTIONS):
            self._model.zero_grad(set_to_none=True)
            loss().backward()
            slope = problem.read([w.grad for w in weights])
            trial = z - problem.solve(0.5 * slope + problem.ridge * z)
            problem.write(trial, weights)
            value = _value(loss)
            if not value < best:
                problem.write(z, weights)
                break
            best, z = value, trial
        return best

    @property
    def model(self) -> torch.nn.Module:
        return self._solved

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing: it is one step, and begins from the data alone."""


def _weights(model: LieConvModel) -> tuple[Tensor, ...]:
    """The last kernel's weights θ, and the bias of its outputs, which stays 0."""
    return *kernel(model).linear(), kernel(model).mlp[-1].bias


@torch.no_grad()
def _clear(model: LieConvModel) -> None:
    """Put those weights to 0."""
    for x in _weights(model):
        x.zero_()


@torch.no_grad()
def _pose(model: LieConvModel, windows: Trajectory, loss: ShootingLoss) -> tuple[Problem, Choice]:
    """The equations of the model's θ, with the functions and the ridge chosen; the model is left as it was."""
    weights = _weights(model)
    old = [w.clone() for w in weights]
    _clear(model)
    try:
        return Equations(model, cut(windows), loss).sharpened()
    finally:
        copy(weights, old)


class Equations:
    """The equations of windows, posed once where p = m q̇, and otherwise along better and better paths."""

    def __init__(self, model: LieConvModel, x: Trajectory, loss: ShootingLoss):
        self.model, self.x, self.loss, self.slopes = model, x, loss, known(model, x)
        self.mixing = mixing_of(model, x)
        self.order = kernel(model).order(model.potential.network.lift).to(self.mixing.device)
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
        choice = choose(problem, self.order[basis.chosen].repeat_interleave(self.mixing.shape[1]), tried)
        problem.ridge, problem.columns = choice.ridge, choice.columns
        return problem, choice

    def _solved(self, problem: Problem) -> Slopes:
        """Write the ridge solution into the model; the slopes that it then has at the points."""
        problem.decompose(problem.ridge)
        problem.write(problem.solve(problem.right), _weights(self.model)[:-1])
        return Slopes(*self.model.field(self.x.bodies.over_time())(self.x.times.new_zeros(()), self.x.states()))


@torch.no_grad()
def _value(loss: Loss) -> float:
    """The loss, infinite where the flow diverges."""
    try:
        return loss().nan_to_num(torch.inf).item()
    except IntegrationError:
        return torch.inf


def _resolved(model: LieConvModel, windows: Trajectory, loss: ShootingLoss) -> Trajectory:
    """The windows whose points tell the path between them; all, where hardly any do."""
    rows = (resolution(windows, known(model, windows)) <= RESOLVED * loss.scale_q).nonzero().flatten()
    return windows if len(rows) < 2 * FOLDS or len(rows) == len(windows) else _take(windows, rows)


def _take(windows: Trajectory, rows: Tensor) -> Trajectory:
    return Trajectory(windows.times[rows], windows.q[rows], windows.p[rows], windows.bodies.map(lambda x: x[rows]))


def _thinned(windows: Trajectory) -> Trajectory:
    """All windows, or as many, evenly spaced, as give about `MOST_ROWS` equations."""
    each = 2 * windows.n_steps * windows.q.shape[-1] * windows.q.shape[-2]
    most = max(2 * FOLDS, MOST_ROWS // each)
    if len(windows) <= most:
        return windows
    return _take(windows, torch.linspace(0, len(windows) - 1, most, device=windows.q.device).long())
