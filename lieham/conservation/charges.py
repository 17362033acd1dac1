"""This module holds the charges of a forecast along time, and the report of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from lieham._support.report import Report
from lieham.conservation.certificate import STEADY, Certificate, Drift, Shares, certify
from lieham.conservation.evidence import Evidence
from lieham.dynamics.promise import YES, Promise
from lieham.errors import expected
from lieham.integrate import Integrator
from lieham.typing import Float, Tensor

ROUND_OFF = {torch.float32: torch.finfo(torch.float32).eps, torch.float64: torch.finfo(torch.float64).eps}
"""Each precision has this machine epsilon."""


@dataclass(frozen=True)
class Charge:
    """A charge is one conserved quantity, followed along a batch of forecasts.

    Args:
        promise: its name, whether theory keeps it for this model, and why.
        values: J(t), (batch, time).
        scale: the mean over time of the size that it would have if nothing cancelled, (batch,).
        kept: whether the integrator keeps what theory keeps.
        kind: the kind of invariant that it is: "linear", "quadratic" or "energy".
        condition: size of the terms that the charge is computed from, in units of its scale.
    """

    promise: Promise
    values: Float[Tensor, "batch time"]
    scale: Float[Tensor, " batch"]
    kept: bool
    kind: str
    condition: float = 1.0

    @property
    def name(self) -> str:
        """The name of the charge is one such as P_x or L_cm."""
        return self.promise.charge

    @property
    def promised(self) -> bool:
        """This is True if theory keeps the charge for this model, to round-off and not on average alone."""
        return self.promise.kept

    @property
    def drift(self) -> Float[Tensor, "batch time"]:
        """The drift is |J(t) − J(0)| / scale, and 0 where nothing moved."""
        change = (self.values - self.values[:, :1]).abs()
        scale = self.scale[:, None].expand_as(change)
        return torch.where(change == 0, torch.zeros_like(change), change / scale)

    def as_dict(self) -> dict:
        """Return the drift of the charge and the promise of the model as plain data.

        The drift is given as the largest of all, and as medians over systems of their largest and of their final drift.
        """
        largest = self.drift.amax(1)
        return {
            "name": self.name,
            "max_drift": largest.max().item(),
            "median_drift": largest.median().item(),
            "final_drift": self.drift[:, -1].median().item(),
            "promised": self.promised,
            "why": self.promise.why,
            "integrator_keeps": self.kept,
        }


@dataclass(frozen=True)
class Conservation(Report):
    """A report of conservation says what a forecast conserves; `lieham.conservation` makes it.

    Args:
        times: the times of the forecast, (batch, time).
        charges: P, L about the origin and about the centre of mass, K of the boosts, and H, as far as asked for.
        attributes: settings of the forecast.
        integrator: the method that made the forecast.
        examined: takes the steps of some systems again and returns the evidence; None where nothing is known beyond
            the charges.

    Example:
        >>> import lieham, systems
        >>> start = systems.Springs(3).generate(1, 0, 0, points=2).train
        >>> report = lieham.conservation(lieham.forecast(lieham.HLieConv("T(2)", 1, width=8), start, steps=5))
        >>> report["P_x"].promised, report["L"].promised, report.largest("P") < 1e-13
        (True, False, True)
        >>> report.certificate("L").model, report["L"].promise.why
        ('no', 'The model declares T(2), which does not hold this motion.')
    """

    times: Float[Tensor, "batch time"]
    charges: tuple[Charge, ...]
    attributes: dict
    integrator: Integrator
    examined: Callable[[list[int]], Evidence | None] | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, name: str) -> Charge:
        """Return the charge of that name; raise InputError if there is none."""
        return self._of(lambda own: own == name, name)[0]

    def largest(self, prefix: str) -> float:
        """Return the largest drift of all charges whose name starts with `prefix`; raise InputError if none does."""
        return max(c.drift.max().item() for c in self._of(lambda own: own.startswith(prefix), prefix))

    def _of(self, wanted: Callable[[str], bool], asked: str) -> list[Charge]:
        found = [charge for charge in self.charges if wanted(charge.name)]
        if not found:
            raise expected("charge", f"one of {', '.join(c.name for c in self.charges)}", repr(asked))
        return found

    def certificate(self, name: str) -> Certificate:
        """Certify a charge: say what holds it in place, how its drift grows, and what is to blame for it.

        Args:
            name: the name of the charge.

        Raises:
            InputError: if there is no charge of that name.
        """
        charge = self[name]
        drift = Drift(charge.drift, self.times, self.round_off, charge.condition)
        shares = None if drift.growth == "none" else self._shares(charge)
        return certify(charge.promise.verdict, charge.kept, self._keeps(charge), drift, shares, charge.promise.why)

    def _shares(self, charge: Charge) -> Shares | None:
        """Return what each cause changed in a charge; None if it is not known."""
        found = self._evidence
        if found is None or charge.name not in found.parts:
            return None
        words = f"a step departs by {found.gap:.1e} of its state, where the method errs by {found.error:.1e}"
        return Shares(*found.shares(charge.name, charge.scale), found.rest, words)

    @cached_property
    def _evidence(self) -> Evidence | None:
        """The evidence follows the worst system of every charge that drifts."""
        drifts = [charge.drift.amax(1) for charge in self.charges]
        worst = {int(x.argmax()) for x in drifts if bool(x.isfinite().all()) and x.max() > STEADY * self.round_off}
        return None if self.examined is None else self.examined(sorted(worst))

    def _keeps(self, charge: Charge) -> str:
        if charge.kind == "energy":
            return "bounds H" if self.integrator.symplectic else "keeps none"
        return f"keeps {charge.kind}" if charge.kept else "keeps none"

    def as_dict(self) -> dict:
        """Return the settings of the forecast, and a row for each charge with its certificate, as plain data."""
        rows = [charge.as_dict() | asdict(self.certificate(charge.name)) for charge in self.charges]
        return {**self.attributes, "charges": rows}

    def plot(self, path: str | Path) -> Path:
        """Draw the drift of every charge against time, on a log axis with a line at round-off, into a PNG file.

        Args:
            path: the file; missing folders on the way are made.

        Returns:
            The path of the file.
        """
        from lieham import plotting

        return plotting.plot_drift(self.times, {c.name: c.drift for c in self.charges}, path, self.round_off)

    @property
    def round_off(self) -> float:
        """The machine epsilon is that of the forecast's precision."""
        return ROUND_OFF[self.charges[-1].values.dtype]

    def __str__(self) -> str:
        certificates = {charge.name: self.certificate(charge.name) for charge in self.charges}
        head = f"{'charge':<8} {'max drift':>10} {'median':>9}  {'growth':<9} {'model':<14} {'integrator':<16} blame"
        rows = [
            f"{r['name']:<8} {r['max_drift']:>10.1e} {r['median_drift']:>9.1e}  {r['growth']:<9} {r['model']:<14} "
            f"{r['integrator']:<16} {r['blame'] or '-'}"
            for r in self.as_dict()["charges"]
        ]
        notes = [f"{name}: {made.reason}" for name, made in certificates.items() if surprising(made)]
        return "\n".join([head, *rows, *notes, f"precision: round-off is {self.round_off:.1e}"])


def surprising(made: Certificate) -> bool:
    """Return whether a certificate finds a promise that is not held, or a path that is none of the model's."""
    return made.blame == "path" or (made.blame == "model" and made.model == YES and bool(made.reason))
