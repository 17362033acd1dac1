"""The charges of a forecast along time, and the report of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lieham.conservation.certificate import Certificate, certify
from lieham.errors import expected
from lieham.integrate import Integrator
from lieham.typing import Float, Tensor

ROUND_OFF = {torch.float32: torch.finfo(torch.float32).eps, torch.float64: torch.finfo(torch.float64).eps}


@dataclass(frozen=True)
class Charge:
    """One conserved quantity along a batch of forecasts.

    `values` (batch, time); `scale` (batch,), the mean over time of its size if nothing cancelled; `model`, whether
    theory keeps it for this model and why not (see `Certificate`); `kept`, whether the integrator keeps what theory
    keeps, and `kind` the invariants it is one of: linear, quadratic, or the energy. `condition` is how much larger than
    the scale the terms are that the charge is computed from.
    """

    name: str
    values: Float[Tensor, "batch time"]
    scale: Float[Tensor, " batch"]
    model: str
    kept: bool
    kind: str
    condition: float = 1.0

    @property
    def promised(self) -> bool:
        """Whether theory keeps it for this model."""
        return self.model == "yes"

    @property
    def drift(self) -> Float[Tensor, "batch time"]:
        """|J(t) − J(0)| / scale; 0 where nothing moved."""
        change = (self.values - self.values[:, :1]).abs()
        scale = self.scale[:, None].expand_as(change)
        return torch.where(change == 0, torch.zeros_like(change), change / scale)

    def summary(self) -> dict:
        """Largest drift over systems and times, the median over systems of their largest, and the flags."""
        largest = self.drift.amax(1)
        return {
            "name": self.name,
            "max_drift": largest.max().item(),
            "median_drift": largest.median().item(),
            "final_drift": self.drift[:, -1].median().item(),
            "promised": self.promised,
            "integrator_keeps": self.kept,
        }


@dataclass(frozen=True)
class Conservation:
    """What a forecast conserves: `times` (batch, time) and one Charge for each of P, L about the origin, L about the
    centre of mass, K of the boosts, and H; `integrator` made it."""

    times: Float[Tensor, "batch time"]
    charges: tuple[Charge, ...]
    attributes: dict
    integrator: Integrator

    def __getitem__(self, name: str) -> Charge:
        """The charge of that name; InputError when there is none."""
        return self._of(lambda own: own == name, name)[0]

    def largest(self, prefix: str) -> float:
        """The largest drift of all charges whose name starts with `prefix`; InputError when there is none."""
        return max(c.drift.max().item() for c in self._of(lambda own: own.startswith(prefix), prefix))

    def _of(self, wanted: Callable[[str], bool], asked: str) -> list[Charge]:
        found = [charge for charge in self.charges if wanted(charge.name)]
        if not found:
            raise expected("charge", f"one of {', '.join(c.name for c in self.charges)}", repr(asked))
        return found

    def certificate(self, name: str) -> Certificate:
        """What holds this charge, the growth law of its drift, and what is to blame for it."""
        charge = self[name]
        holds = charge.model, charge.kept, self._keeps(charge)
        return certify(*holds, charge.drift, self.times, self.round_off, charge.condition)

    def _keeps(self, charge: Charge) -> str:
        if charge.kind == "energy":
            return "bounds H" if self.integrator.symplectic else "keeps none"
        return f"keeps {charge.kind}" if charge.kept else "keeps none"

    def summary(self) -> dict:
        """JSON-able: the settings of the forecast and one row a charge, its certificate with it."""
        rows = [charge.summary() | asdict(self.certificate(charge.name)) for charge in self.charges]
        return {**self.attributes, "charges": rows}

    def plot(self, path: str | Path) -> Path:
        """Draw the drift of every charge against time, on a log axis with a round-off line, into a PNG file."""
        from lieham import plotting

        return plotting.plot_drift(self.times, {c.name: c.drift for c in self.charges}, path, self.round_off)

    @property
    def round_off(self) -> float:
        """Machine epsilon of the forecast's precision."""
        return ROUND_OFF[self.times.dtype]

    def __str__(self) -> str:
        head = f"{'charge':<8} {'max drift':>10} {'median':>9}  {'growth':<9} {'model':<14} {'integrator':<16} blame"
        rows = [
            f"{r['name']:<8} {r['max_drift']:>10.1e} {r['median_drift']:>9.1e}  {r['growth']:<9} {r['model']:<14} "
            f"{r['integrator']:<16} {r['blame'] or '-'}"
            for r in self.summary()["charges"]
        ]
        return "\n".join([head, *rows, f"precision: round-off is {self.round_off:.1e}"])
