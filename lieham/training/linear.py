"""The linear stage: the weights in which the energy is linear, by least squares, before any gradient descent."""

from __future__ import annotations

from copy import deepcopy
from math import log

import torch

from lieham.errors import IntegrationError
from lieham.models import HLieConv
from lieham.nn import Kernel
from lieham.state import Trajectory
from lieham.training.equations import Problem, assemble, copy, reduce
from lieham.training.loss import ShootingLoss
from lieham.training.stages import Loss, Stage
from lieham.typing import Float, Tensor

RIDGES = tuple(10.0**-k for k in range(4, 20))
"""Strengths of the ridge that cross-validation chooses from, for columns of largest element 1."""
FOLDS = 5
SLACK = log(2.0)
"""How much worse, in the logarithm of the mean square, a simpler choice may be."""
CORRECTIONS = 4
MOST_ROWS = 20_000
"""About how many equations are taken; of more windows, some, evenly spaced."""


class LinearStage(Stage):
    """Ridge regression for the last kernel's weights θ, then Gauss-Newton steps on the loss itself; one step in all.

    Where V = Σ θ_fk Φ_fk(q) (`LieResNet.basis`), so are the forces F = −∂V/∂q along the observed path, and
    p_{k+1} − p_k = ∫ F dt and q_{k+1} − q_k − h p_k/m = ∫ (t_{k+1} − t) F/m dt are linear equations for θ. Between
    the observed points the path is the polynomial through positions and velocities of the window (`hermite`), so the
    integrals, by Gauss-Legendre, hold for functions of any width. No integration of the model, no gradient. Functions
    and ridge are chosen by `FOLDS`-fold cross-validation (`choose`). Then δθ = −(RᵀR + λ)⁻¹ ∂L/∂θ with that problem's
    R while the loss L falls, which takes out what path and quadrature got wrong.
    Where the loss then is below `TrainConfig.tolerance`, no further stage begins; otherwise Adam begins from the
    weights before, since from a solution with large weights that cancel its steps lead away.

    It has nothing to do, and `total` is 0, for models that are not linear in their last kernel, and for sampled lifts,
    whose solution would be that of one draw.
    """

    name = "linear"
    every = 1
    hands_on = False

    def __init__(self, model: torch.nn.Module, windows: Trajectory, loss: ShootingLoss, wanted: bool):
        self._model, self.windows, self.loss, self._solved = model, _thinned(windows), loss, model
        linear = isinstance(model, HLieConv) and model.potential.network.blocks[-1].linear_in_kernel
        self.total = int(wanted and linear and model.exact and windows.n_steps > 1)

    def step(self, loss: Loss) -> float:
        kernel = self._model.potential.network.blocks[-1].conv.kernel
        before, weights = _value(loss), (*kernel.linear(), kernel.mlp[-1].bias)
        old = [x.detach().clone() for x in weights]
        try:
            if self._solve(kernel, loss) < before:
                self._solved = deepcopy(self._model)
        finally:  # an interrupted step is undone too
            copy(weights, old)
        return before

    def _solve(self, kernel: Kernel, loss: Loss) -> float:
        """Write the solution into the model; returns its loss."""
        with torch.no_grad():
            for x in (*kernel.linear(), kernel.mlp[-1].bias):
                x.zero_()
            problem = assemble(self._model, self.windows, self.loss)
            order = kernel.order(self._model.potential.network.lift).repeat_interleave(problem.mixing.shape[1])
            ridge, problem.columns = choose(problem, order.to(problem.A.device))
        problem.decompose(ridge)
        return self._descend(problem, loss)

    def _descend(self, problem: Problem, loss: Loss) -> float:
        """Write the ridge solution, correct it while the loss falls, and return the least loss.

        Of the ridges from the chosen one up, the one with the least loss counts: where bodies meet more closely than
        at any node, functions that few pairs have seen can be wild, which the integrated windows show.
        """
        weights = self._model.potential.network.blocks[-1].conv.kernel.linear()
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


def choose(problem: Problem, order: Float[Tensor, " columns"]) -> tuple[float, Tensor]:
    """The ridge and the columns, the simplest of those that predict windows left out as well as any.

    Columns are added in their `order`, some at a time. The score is the geometric mean of the error over windows left
    out; the fewest columns within `SLACK` of the least one win, and with them the strongest ridge within it. With one
    window nothing can be left out: all columns, and the ridge in the middle.
    """
    folds = min(FOLDS, len(problem.A))
    if folds < 2:
        return RIDGES[len(RIDGES) // 2], torch.ones_like(order, dtype=torch.bool)
    fold = torch.arange(len(problem.A), device=problem.A.device) % folds
    parts = [reduce(problem.A[fold == k], problem.y[fold == k]) for k in range(folds)]
    levels = order.unique()
    levels = levels[sorted({0, *range(len(levels) - 1, 0, -3)})]
    choices = [order <= level for level in levels]
    scores = torch.stack([_scores(problem, columns, parts, fold) for columns in choices])
    good = scores <= scores.min() + SLACK
    level = int(good.any(1).nonzero()[0])
    return RIDGES[int(good[level].nonzero()[0])], choices[level]


def _scores(problem: Problem, columns: Tensor, parts: list[Tensor], fold: Tensor) -> Float[Tensor, " ridges"]:
    """The mean log error on windows left out with these columns, for each of `RIDGES`."""
    ridges = torch.tensor(RIDGES, dtype=problem.A.dtype, device=problem.A.device)
    score = torch.zeros_like(ridges)
    with_y = torch.cat([columns, columns.new_ones(1)])
    for k in range(len(parts)):
        kept = torch.cat([x[:, with_y] for i, x in enumerate(parts) if i != k])
        kept = torch.linalg.qr(kept, mode="r").R
        U, S, V = torch.linalg.svd(kept[:, :-1], full_matrices=False)
        count = problem.count * (len(parts) - 1) / len(parts)
        z = V.mT @ (S[:, None] / (S[:, None].square() + ridges * count) * (U.mT @ kept[:, -1:]))
        left = problem.A[fold == k][..., columns] @ z - problem.y[fold == k][..., None]
        score += left.square().mean(1).clamp(min=1e-30).log().sum(0)
    return score / len(problem.A)


@torch.no_grad()
def _value(loss: Loss) -> float:
    """The loss, infinite where the flow diverges."""
    try:
        return loss().nan_to_num(torch.inf).item()
    except IntegrationError:
        return torch.inf


def _thinned(windows: Trajectory) -> Trajectory:
    """All windows, or as many, evenly spaced, as give about `MOST_ROWS` equations."""
    each = 2 * windows.n_steps * windows.q.shape[-1] * windows.q.shape[-2]
    most = max(2 * FOLDS, MOST_ROWS // each)
    if len(windows) <= most:
        return windows
    rows = torch.linspace(0, len(windows) - 1, most, device=windows.q.device).long()
    return Trajectory(windows.times[rows], windows.q[rows], windows.p[rows], windows.bodies.map(lambda x: x[rows]))
