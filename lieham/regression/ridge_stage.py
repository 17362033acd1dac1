"""The linear stage: the weights in which the energy is linear, by least squares, before any gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import inf, log

import torch

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import IntegrationError
from lieham.losses.shooting import ShootingLoss
from lieham.models import LieConvModel
from lieham.optim.stage import Loss, Stage
from lieham.regression.cross_validation import FOLDS, RIDGES, SOLVED
from lieham.regression.dictionary import copy
from lieham.regression.energy_rows import energies
from lieham.regression.interpolant import known, resolution
from lieham.regression.posing import clear, order_of, pose, weights_of
from lieham.regression.problem import Problem
from lieham.regression.robust import join
from lieham.state import Trajectory
from lieham.typing import Tensor

CORRECTIONS = 4
GAIN = 4.0
"""How many times less the lift with angles must leave of windows left out, to be taken."""
MOST_BODIES = 8
MOST_ROWS = 40_000
"""About how many equations are taken; of more windows, some, evenly spaced."""
LIFT_ROWS = 10_000
"""About how many are taken to see whether angles help: their functions are many, and the choice needs no more."""
RESOLVED = 0.1
"""Error of the interpolation, in units of the change of q from point to point, up to which a window is taken."""


class LinearStage(Stage):
    """Ridge regression for the last kernel's weights θ, then Gauss-Newton steps on the loss itself; one step in all.

    Where H = K + Σ θ_fk Φ_fk(q, p), K = Σ|p|²/2m (`LieResNet.basis`), with F = −Σ θ ∂Φ/∂q along the observed path
    p_{k+1} − p_k = ∫ F dt and q_{k+1} − q_k − h p_k/m = ∫ (t_{k+1} − t) F/m + Σ θ ∂Φ/∂p dt are linear equations for θ;
    where H is not linear in θ, they are so about the last θ. Between the observed points the path is the polynomial
    through the window's positions and velocities (`hermite`), so the integrals, by Gauss-Legendre, hold for functions
    of any width; where p is not m q̇, the solution itself tells the velocities (`Equations.sharpened`). Functions and
    ridge are chosen by `FOLDS`-fold cross-validation (`choose`). Windows that show too little of their path for that
    (`RESOLVED`), as in a close encounter, give their energies instead where p = m q̇ (`join`). Then
    δθ = −(RᵀR + λ)⁻¹ ∂L/∂θ with that problem's R while the loss L falls, which takes out what path and quadrature got
    wrong. No gradient descent, and no integration but for L.
    Where the loss then is below `TrainConfig.tolerance`, no further stage begins; otherwise Adam begins from the
    weights before, since from a solution with large weights that cancel its steps lead away.

    It has nothing to do, and `total` is 0, for models that are not linear in their last kernel, and for sampled lifts,
    whose solution would be that of one draw.
    """

    name = "linear"
    every = 1
    hands_on = False

    def __init__(
        self,
        model: torch.nn.Module,
        windows: Trajectory,
        loss: ShootingLoss,
        wanted: bool,
        may_stop: Callable[[], None] = lambda: None,
    ):
        self._model, self._all, self.loss, self._solved, self._may_stop = model, windows, loss, model, may_stop
        linear = isinstance(model, LieConvModel) and model.potential.network.blocks[-1].linear_in_kernel
        self.total = int(wanted and linear and model.exact and windows.n_steps > 1)
        resolved, self.unresolved = told(model, windows, loss)
        self.windows = thinned(resolved)
        self._posed: Problem | None = None

    def choose_lift(self) -> None:
        """Let the model see angles where pairs of bodies leave `GAIN` times more of windows left out.

        It has to be asked before other stages take hold of the model's weights. Not tried where pairs are enough, and
        for more than `MOST_BODIES`: edges see all triples.
        """
        self._posed, pairs = pose(self._model, self.windows, self.loss)
        if pairs.left < SOLVED or pairs.left == inf or not 3 <= self.windows.q.shape[-2] <= MOST_BODIES:
            return
        self._may_stop()
        other = deepcopy(self._model)
        other.see_angles()
        other.calibrate(self._all)
        few = thinned(self.windows, LIFT_ROWS)
        posed, edges = pose(other, few, self.loss)
        if edges.left < pairs.left - log(GAIN):
            self._model.see_angles()
            self._model.calibrate(self._all)
            self._posed = posed if len(few) == len(self.windows) else None
            self.notes = {"lift": "edge"}

    def step(self, loss: Loss) -> float:
        before, old = value_of(loss), [x.detach().clone() for x in weights_of(self._model)]
        own = loss if len(self.windows) == len(self._all) else self._own
        start = before if own is loss else value_of(own)
        try:
            if self._solve(own) < start:
                self._solved = deepcopy(self._model)
        finally:  # an interrupted step is undone too
            copy(weights_of(self._model), old)
        return before

    def _own(self) -> Tensor:
        """The loss of the windows that are taken."""
        self._may_stop()
        return self.loss(self._model, self.windows)

    def _solve(self, loss: Loss) -> float:
        """Write the solution into the model; returns its loss."""
        problem = self._posed or pose(self._model, self.windows, self.loss)[0]
        self._posed = None
        clear(self._model)
        problem.decompose(problem.ridge)
        if len(self.unresolved) >= FOLDS and isinstance(self._model, SeparableHamiltonian):
            found = energies(self._model, self.unresolved, problem.basis, problem.scale)
            join(problem, found, order_of(self._model, problem.basis))
        return self._descend(problem, loss)

    def _descend(self, problem: Problem, loss: Loss) -> float:
        """Write the ridge solution, correct it while the loss falls, and return the least loss.

        Of the ridges from the chosen one up, the one with the least loss counts: where bodies meet more closely than
        at any node, functions that few pairs have seen can be wild, which the integrated windows show.
        """
        weights = weights_of(self._model)[:-1]
        tried = []
        for ridge in [x for x in RIDGES if x >= problem.ridge and (x == problem.ridge or problem.energies is None)]:
            problem.ridge = ridge
            z = problem.solution()
            problem.write(z, weights)
            tried.append((value_of(loss) + problem.beside(z)[0], ridge))
        best, problem.ridge = min(tried)
        if best == torch.inf:
            return best
        z = problem.solution()
        problem.write(z, weights)
        for _ in range(CORRECTIONS):
            self._model.zero_grad(set_to_none=True)
            loss().backward()
            slope = 0.5 * problem.read([w.grad for w in weights]) + problem.beside(z)[1]
            trial = z - problem.solve(slope + problem.ridge * z)
            problem.write(trial, weights)
            value = value_of(loss) + problem.beside(trial)[0]
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


@torch.no_grad()
def value_of(loss: Loss) -> float:
    """The loss, infinite where the flow diverges."""
    try:
        return loss().nan_to_num(torch.inf).item()
    except IntegrationError:
        return torch.inf


def told(model: Hamiltonian, windows: Trajectory, loss: ShootingLoss) -> tuple[Trajectory, Trajectory]:
    """The windows whose points tell the path between them, and the others; all and none, where hardly any do."""
    good = resolution(windows, known(model, windows)) <= RESOLVED * loss.scale_q
    if good.sum() < 2 * FOLDS:
        good = torch.ones_like(good)
    return windows[good], windows[~good]


def thinned(windows: Trajectory, rows: int = MOST_ROWS) -> Trajectory:
    """All windows, or as many, evenly spaced, as give about so many equations."""
    each = 2 * windows.n_steps * windows.q.shape[-1] * windows.q.shape[-2]
    most = max(2 * FOLDS, rows // each)
    if len(windows) <= most:
        return windows
    return windows[torch.linspace(0, len(windows) - 1, most, device=windows.q.device).long()]
