"""A few windows of a law, and the error of a model on others."""

from __future__ import annotations

import torch

from lieham.integrate import make_integrator
from systems.baselines import window_mse


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def few(law, n=10, n_test=20):
    return law.benchmark(n, 0, n_test=n_test)


def median_error(model, x, method="rkn4"):
    with torch.no_grad():
        path = make_integrator(method).integrate(model.field(x.bodies), x.state(0), x.times)
    return window_mse(path, x).median()
