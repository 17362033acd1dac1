"""The certificate of a charge says how its drift grows, and which of model, integrator, precision or path made it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log, sqrt

import torch

from lieham.dynamics.promise import YES
from lieham.typing import Float, Tensor

STEADY = 100.0
"""A drift of at most this many units of round-off counts as none, since a sum of ten rounded terms leaves a few."""
WALK = 1000.0
"""Round-off explains a drift of this many units of it times √steps; beyond that, a promised symmetry is broken."""


@dataclass(frozen=True)
class Drift:
    """A drift says how far a charge moved along a batch of forecasts, and how much of that round-off explains.

    Args:
        values: |J(t) − J(0)| in units of the charge's scale, (batch, time).
        times: the times of the forecast, (batch, time).
        round_off: machine epsilon of the forecast's precision.
        condition: size of the numbers that cancel in the charge, in units of its scale; far from the origin their
            round-off is larger than that of the charge.
    """

    values: Float[Tensor, "batch time"]
    times: Float[Tensor, "batch time"]
    round_off: float
    condition: float = 1.0

    @property
    def largest(self) -> float:
        """The largest drift is taken over all systems and times."""
        return self.values.max().item()

    @cached_property
    def exponent(self) -> float | None:
        """The drift grows like this power of t; see `growth_exponent`."""
        return growth_exponent(self.values, self.times)

    @property
    def growth(self) -> str:
        """The growth is the name of that power, or "none" where the drift is round-off alone."""
        return "none" if self.largest <= STEADY * self.round_off else name_of_growth(self.exponent)

    @property
    def beyond_round_off(self) -> bool:
        """This is True if the drift is larger than sums of rounded terms can explain."""
        return self.largest > WALK * self.condition * self.round_off * sqrt(self.values.shape[-1])


@dataclass(frozen=True)
class Certificate:
    """A certificate says what holds a charge in place, and how well it is held.

    Args:
        model: the verdict of the model's promise: "yes", "no", "no: changes K", where only V has the symmetry, or
            "on average", where the model draws at random.
        integrator: "keeps linear", "keeps quadratic", "keeps none", or "bounds H", as symplectic methods do.
        growth: "none" (to round-off), "constant", "√t", "t", another power of t, or "?" if the forecast is too short.
        exponent: the fitted power of t; None if the forecast is too short.
        blame: "model", "integrator", "precision" or "path", whichever explains the drift; "" where nothing drifts.
            "path" is a forecast whose states are not the flow of its model, such as data of a damped system.
        reason: the blame in one sentence, with its figure; "" where the drift alone decided.
    """

    model: str
    integrator: str
    growth: str
    exponent: float | None
    blame: str
    reason: str = ""


@dataclass(frozen=True)
class Shares:
    """Shares say how much of a drift each cause made, as far as taking the steps of the path again can tell.

    Args:
        model: what the exact flow of the model changes, in units of the charge's scale.
        integrator: what the errors of the integrator change.
        rest: what neither of them changes.
        cause: what explains the rest: "precision", "integrator" or "path".
        departure: in words, how far the path departs from the steps of the integrator.
    """

    model: float
    integrator: float
    rest: float
    cause: str
    departure: str

    @property
    def blame(self) -> str:
        """The largest share is to blame."""
        shares = {"model": self.model, "integrator": self.integrator}
        shares[self.cause] = max(shares.get(self.cause, 0.0), self.rest)
        return max(shares, key=lambda cause: shares[cause])


def certify(
    model: str, kept: bool, integrator: str, drift: Drift, shares: Shares | None = None, why: str = ""
) -> Certificate:
    """Find the growth law of a drift and what is to blame for it.

    Args:
        model: the verdict of the model's promise.
        kept: whether the integrator keeps what theory keeps.
        integrator: the same in words, for the certificate.
        drift: the drift observed.
        shares: what each cause changed, by `evidence.examine`; None if it is not known.
        why: the model's reason for its promise.

    Returns:
        The certificate. The largest share is to blame. Where shares are not known, it is the model if it promised
        nothing, else the integrator if it keeps nothing; if both keep the charge, a drift beyond round-off blames the
        model, whose promise is then false. A drift that round-off explains is never blamed on a promise that is kept.
    """
    reason = ""
    if drift.growth == "none":
        blame = ""
    elif shares is not None and (drift.beyond_round_off or not (kept and model == YES)):
        blame = shares.blame
        reason = _reason(blame, shares, model, why)
    elif model != YES:
        blame = "model"
    elif not kept:
        blame = "integrator"
    else:
        blame = "model" if drift.beyond_round_off else "precision"
    return Certificate(model, integrator, drift.growth, drift.exponent, blame, reason)


def _reason(blame: str, shares: Shares, model: str, why: str) -> str:
    """Return the blame in one sentence."""
    if blame == "model":
        false = "It is promised, but the symmetry is not there, or the field is not that of H."
        return f"The exact flow of the model changes it by {shares.model:.1e}: {why if model != YES else false}"
    if blame == "integrator":
        most = max(shares.integrator, shares.rest if shares.cause == blame else 0.0)
        return f"The errors of the integrator change it by {most:.1e}, the flow of the model by {shares.model:.1e}."
    if blame == "precision":
        return f"Rounding changes it by {shares.rest:.1e}, and the integrator's errors by {shares.integrator:.1e}."
    return f"The path is not the flow of the model, and departs from it by {shares.rest:.1e}: {shares.departure}."


def growth_exponent(drift: Float[Tensor, "batch time"], times: Float[Tensor, "batch time"]) -> float | None:
    """Fit the slope of log rms(drift) against log t over the last 1.5 decades, by least squares.

    The mean square is taken over systems and over six bins of equal width in log t, so that an oscillation counts as
    its amplitude.

    Args:
        drift: relative drift, (batch, time).
        times: times of the same shape; the first system's grid is taken.

    Returns:
        The exponent; None if there are fewer than 20 steps, fewer than three bins, or no drift at all.
    """
    elapsed = (times - times[:, :1]).abs()[0, 1:].double()
    square = drift[:, 1:].double().square().mean(0)
    last = elapsed[-1].item() if len(elapsed) else 0.0
    if len(elapsed) < 20 or not square.any():
        return None
    points = []
    edges = [last * 10 ** (-1.5 * k / 6) for k in range(6, -1, -1)]
    for low, high in pairwise(edges):
        inside = square[(elapsed > low) & (elapsed <= high * (1 + 1e-12))]
        if len(inside) and inside.mean() > 0:
            points.append((log(sqrt(low * high)), 0.5 * log(inside.mean().item())))
    if len(points) < 3:
        return None
    x, y = torch.tensor(points, dtype=torch.float64).T
    x = x - x.mean()
    return ((x * y).sum() / x.square().sum()).item()


def name_of_growth(exponent: float | None) -> str:
    """Name the growth law of an exponent.

    The name is "constant", "√t" or "t" within 0.25, else the power; it is "?" where there is no exponent.
    """
    if exponent is None:
        return "?"
    for name, power in (("constant", 0.0), ("√t", 0.5), ("t", 1.0)):
        if abs(exponent - power) <= 0.25:
            return name
    return f"t^{exponent:.1f}"
