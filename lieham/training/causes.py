"""A verdict on a trained model: does it beat what costs nothing, and if it does not, what is the likely cause?"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch

from lieham._support.polynomials import derivative
from lieham.data import Dataset
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.state import Trajectory
from lieham.typing import Float, Tensor

POOR = 0.05
"""A model that leaves more than this share of the loss of free flight is doubted, whatever the data show."""
DOUBTFUL = 1e-6
"""A model that leaves more than this share is doubted where the data show a fault."""
LEAST_DRIFT = 1e-3
"""A momentum is not constant where it changes by this share of its size or more,"""
SIGNIFICANT = 4.0
"""and by more than this many times its noise."""
MANY = 20_000
"""About how many numbers of q are looked at for a cause."""
GENERAL = (
    "no force of the declared kind explains the motion (drag, driving, a symmetry that the data do not have, momenta "
    "that are not m dq/dt, or positions wrapped into a box would look so), or the data are too few or too noisy"
)


def verdict(baselines: dict, model: Hamiltonian, data: Dataset) -> str:
    """Return one sentence where the model is not better than free flight, or little and the data show why; else "".

    Args:
        baselines: the scores, as `History.baselines` holds them.
        model: the trained model.
        data: the data that it was trained on.
    """
    scores = baselines["scores"]
    own, free = (scores[name]["trimmed"] for name in ("model", "free flight"))
    share = own / free if free > 0 else 0.0
    if not share > DOUBTFUL:
        return ""
    cause = likely_cause(model, data)
    if share <= POOR and not cause:
        return ""
    if share <= POOR:
        beats = f"beats free flight {1 / share:.2g} times only"
    else:
        beats = "does not beat free flight" if not share < 1 else f"leaves {100 * share:.0f} % of free flight's loss"
    where = f"on {baselines['windows']} windows of {baselines['split']}"
    numbers = f"a loss of {own:.2g} beside {free:.2g} (10 % trimmed means {where})"
    return f"the model {beats}, {numbers}; likely cause: {cause or GENERAL}"


def likely_cause(model: Hamiltonian, data: Dataset) -> str:
    """Return what in the data most likely keeps the model from learning them, in words; "" where nothing is found.

    Args:
        model: the trained model, with the group that it declares.
        data: the data that it was trained on.
    """
    if importlib.util.find_spec("lieham.data.check") is not None:
        check = importlib.import_module("lieham.data.check").check
        faults = [x.sentence for x in check(data, group=model.group, quick=True).findings if x.severity == "fault"]
        return faults[0] if faults else ""
    seen = _few(data)
    return next((said for cause in CAUSES if (said := cause(model, seen))), "")


def _few(data: Dataset) -> Trajectory:
    assert data.train is not None
    x = data.train
    return x[: max(1, MANY // x.q[0].numel())].to("cpu", torch.float64)


def _roughness(J: Tensor) -> Float[Tensor, " k"]:
    """Return the noise of charges (b, time, k) by their second differences, which a smooth drift hardly has."""
    return (J.diff(n=2, dim=1).square().mean((0, 1)) / 6).sqrt() if J.shape[1] > 2 else torch.zeros_like(J[0, 0])


def unlike_velocities(model: Any, x: Trajectory) -> str:
    """Return a sentence where p/m is not dq/dt; nothing is said of canonical momenta."""
    if not model.separable or x.n_steps < 2:
        return ""
    slope, v = derivative(x.times, x.q), x.p / x.bodies.mass[:, None, :, None]
    inner = slice(1, -1)
    real = x.bodies.mask[:, None].expand(v.shape[:-1])[:, inner]
    a, b = slope[:, inner][real], v[:, inner][real]
    size = a.square().mean().clamp(min=1e-300).sqrt()
    off = ((a - b).square().mean().sqrt() / size).item()
    if off < 0.2:
        return ""
    if ((a - b).abs().median() / size).item() < 0.02:
        return "positions jump where p/m does not: unwrap them, or take lost frames out"
    return f"p/m differs from dq/dt by {100 * off:.0f} % of it: give v in the units of q and the times, or p = m v"


def changing_charges(model: Any, x: Trajectory) -> str:
    """Return a sentence where a momentum of the declared group is not constant on the data."""
    if model.group is None or not model.separable:
        return ""
    A, b = model.group.generators(x.q.dtype)
    arms = torch.einsum("kij,...nj->...nki", A, x.q) + b
    terms = torch.einsum("...ni,...nki->...nk", x.p, arms) * x.bodies.mask[:, None, :, None]
    J, size = terms.sum(-2), terms.abs().sum(-2)
    drift = (J - J[:, :1]).square().mean((0, 1)).sqrt() / size.square().mean((0, 1)).sqrt().clamp(min=1e-300)
    if not len(drift):
        return ""
    noise = _roughness(J) / size.square().mean((0, 1)).sqrt().clamp(min=1e-300)
    drift = torch.where(drift > SIGNIFICANT * noise, drift, torch.zeros_like(drift))
    worst = int(drift.argmax())
    if drift[worst] < LEAST_DRIFT:
        return ""
    name = model.group.charges[worst]
    return (
        f"{model.group} is declared, but {name} changes by {100 * drift[worst]:.2g} % of its size along the data: "
        "declare a smaller group"
    )


CAUSES: tuple[Callable[[Any, Trajectory], str], ...] = (unlike_velocities, changing_charges)
"""What is looked for while there is no check of the data at hand."""
