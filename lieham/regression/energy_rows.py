"""The energies of windows that do not show their path: linear equations for the weights, from observed points alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lieham.models import HLieConv
from lieham.regression.dictionary import Basis
from lieham.state import Trajectory
from lieham.typing import Bool, Float, Tensor

MOST_WINDOWS = 1_000
"""Most windows whose energies are taken; of more, some, evenly spaced."""
PART = 100
"""Windows whose functions are computed at a time."""
TINY = 1e-30


@dataclass(frozen=True)
class Energies:
    """A z ≈ y for the changes of energy between points; errors are relative to `size`, and squares have a `weight`."""

    A: Float[Tensor, "windows steps columns"]
    y: Float[Tensor, "windows steps"]
    size: Float[Tensor, "windows steps"]
    weight: Float[Tensor, "windows steps"]

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All four."""
        return self.A, self.y, self.size, self.weight

    def of(self, columns: Bool[Tensor, " columns"]) -> Energies:
        """With these columns alone."""
        return replace(self, A=self.A[..., columns])

    def misfit(self, z: Float[Tensor, " columns"]) -> Float[Tensor, "windows steps"]:
        """The relative errors."""
        return (self.A @ z - self.y) / self.size

    def weighted(self) -> Float[Tensor, "rows c1"]:
        """[A y], each row by the root of its weight and over its size."""
        rows = torch.cat([self.A, self.y[..., None]], -1)
        return (rows * (self.weight.sqrt() / self.size)[..., None]).flatten(0, 1)


@torch.no_grad()
def energies(model: HLieConv, windows: Trajectory, basis: Basis, scale: Float[Tensor, " columns"]) -> Energies:
    """ΔV = −ΔK from point to point, of windows taken evenly: it holds whatever the path between the points was.

    V = Σ θ Φ(q) + what θ has no part in, so Σ θ (Φ(q_{k+1}) − Φ(q_k)) = H₀(k) − H₀(k+1), H₀ the model's energy at
    θ = 0. Where bodies meet, some of the points lie within the encounter, and tell how deep the potential is there.
    """
    if len(windows) > MOST_WINDOWS:
        windows = windows[torch.linspace(0, len(windows) - 1, MOST_WINDOWS, device=windows.q.device).long()]
    rows = []
    for first in range(0, len(windows), PART):
        part = windows[first : first + PART]
        values = model.basis(part.states(), part.bodies.over_time(), mixing=basis.mixing, chosen=basis.chosen)
        rows.append(values.double().flatten(-2).diff(dim=1))
    y = -model.energy(windows.states(), windows.bodies.over_time()).double().diff(dim=1)
    size = y.abs().clamp(min=max(y.abs().median().item(), TINY))
    return Energies(torch.cat(rows) / scale, y, size, torch.ones_like(y))
