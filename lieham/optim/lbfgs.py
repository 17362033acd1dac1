"""L-BFGS on a fixed set of windows."""

from __future__ import annotations

from math import ceil

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn.utils import parameters_to_vector

from lieham.errors import IntegrationError
from lieham.optim.stage import Loss, Stage, check_finite

REFINE_CHUNK = 50
"""Most L-BFGS iterations between checkpoints; its memory of curvature starts afresh after each."""

DIVERGED = 1e10
"""Loss where the flow diverges: finite, so that the line search can shorten its step, which it cannot do from inf."""


class LBFGSStage(Stage):
    """scipy's L-BFGS-B (Byrd, Lu, Nocedal, Zhu 1995) on a deterministic loss, `REFINE_CHUNK` iterations at a time.

    Args:
        model: the model, all of whose weights with gradients are varied.
        iterations: how many iterations in all.
    """

    name = "lbfgs"
    learner = "gradient descent (L-BFGS)"

    def __init__(self, model: nn.Module, iterations: int):
        self._model = model
        self.total, self.every = iterations, 1
        chunks = max(ceil(iterations / REFINE_CHUNK), 1)
        self.stride = max(ceil(iterations / chunks), 1)
        self.parameters = [p for p in model.parameters() if p.requires_grad]

    def step(self, loss: Loss) -> float:
        start = self._read()
        options = {"maxcor": 50, "maxiter": self.stride, "maxfun": 2 * self.stride, "ftol": 0.0, "gtol": 0.0}
        try:
            result = minimize(
                self._value_and_gradient, start, (loss,), "L-BFGS-B", jac=True, callback=self._go_on, options=options
            )
        except BaseException:
            self._write(start)  # an interrupted step is undone, so that a resumed run repeats it
            raise
        diverged = result.fun >= DIVERGED
        self._write(start if diverged else result.x)
        check_finite(torch.tensor(np.inf if diverged else result.fun))
        return float(result.fun)

    def _go_on(self, x: np.ndarray) -> None:
        if self.over():
            raise StopIteration  # scipy then returns the present iterate

    def _value_and_gradient(self, x: np.ndarray, loss: Loss) -> tuple[float, np.ndarray]:
        self._write(x)
        self._model.zero_grad(set_to_none=True)
        try:
            value = loss()
        except IntegrationError:
            return DIVERGED, np.zeros_like(x)
        if not value.item() < DIVERGED:
            return DIVERGED, np.zeros_like(x)
        value.backward()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        return value.item(), parameters_to_vector(gradients).cpu().double().numpy()

    def _read(self) -> np.ndarray:
        return parameters_to_vector(self.parameters).detach().cpu().double().numpy()

    @torch.no_grad()
    def _write(self, x: np.ndarray) -> None:
        first = self.parameters[0]
        pieces = torch.from_numpy(x).to(first.device, first.dtype).split([p.numel() for p in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))

    @property
    def model(self) -> nn.Module:
        return self._model

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing: a step begins from the weights alone."""
