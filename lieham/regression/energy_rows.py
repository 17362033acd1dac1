"""Rows of energy balance: linear equations of windows that do not show their path, from observed points alone."""

from __future__ import annotations

import torch

from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.regression.dictionary import Columns
from lieham.regression.problem import WeightedRows
from lieham.state import Trajectory
from lieham.typing import Float, Tensor

MOST_WINDOWS = 1_000
"""Most windows whose energies are taken; of more windows some are taken, evenly spaced."""
PART = 100
"""Windows whose functions are computed at a time."""
TINY = 1e-30


@torch.no_grad()
def energy_rows(
    model: Hamiltonian,
    dictionary: Dictionary,
    windows: Trajectory,
    columns: Columns,
    scale: Float[Tensor, " columns"],
) -> WeightedRows:
    """Return the rows ΔV = −ΔK from point to point, which hold whatever the path between the points was.

    V = Σ θ Φ(q) + what θ has no part in, so Σ θ (Φ(q_{k+1}) − Φ(q_k)) = H₀(k) − H₀(k+1), with H₀ the model's energy at
    θ = 0. Where bodies meet, some of the points lie within the encounter and tell how deep the potential is there.

    Args:
        model: the model, with θ = 0.
        dictionary: its dictionary.
        windows: the windows; evenly spaced ones where there are more than `MOST_WINDOWS`.
        columns: the columns wanted.
        scale: by what every column is divided, (columns,).
    """
    if len(windows) > MOST_WINDOWS:
        windows = windows[torch.linspace(0, len(windows) - 1, MOST_WINDOWS, device=windows.q.device).long()]
    rows = []
    for first in range(0, len(windows), PART):
        part = windows[first : first + PART]
        bodies = part.bodies.over_time()
        rows.append(columns.values(dictionary, part.states(), bodies).double().diff(dim=1))
    y = -model.energy(windows.states(), windows.bodies.over_time()).double().diff(dim=1)
    size = y.abs().clamp(min=max(y.abs().median().item(), TINY))
    return WeightedRows(torch.cat(rows) / scale, y, size, torch.ones_like(y))
