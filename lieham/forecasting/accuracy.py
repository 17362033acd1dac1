"""A forecast chooses its steps by its own error, and says where that error is too large.

symbol → variable: s → `substeps`, the number of equal steps between two outputs.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, is_dataclass, replace
from math import inf
from typing import Any

import torch

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import LiehamWarning
from lieham.forecasting.intervals import MOST_SUBSTEPS, ROUND_OFF, Intervals, intervals_ahead, intervals_of
from lieham.integrate import Integrator
from lieham.state import Trajectory
from lieham.typing import Float, Tensor

TOLERANCE = 1e-7
"""The error of an interval between outputs is to be at most this share of every body's motion in it."""
EXCEEDED = 10.0
"""A forecast that chose its substeps warns where the error of an interval exceeds the tolerance this many times."""
DISTANCE = 0.1
"""With substeps that were asked for, it warns where the errors of all intervals sum up to this share of a motion."""


def has_substeps(integrator: Any) -> bool:
    """Return whether the steps of a method are fixed parts of the intervals between outputs."""
    return is_dataclass(integrator) and "substeps" in vars(integrator)


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a rollout is the integrator's error in an interval between outputs, as a share of a motion.

    Args:
        integrator: the method, with its substeps.
        steps: the number of intervals.
        chosen: whether the substeps were chosen here and not asked for.
        error: the largest error of an interval that was found; None where the method controls its own error.
        said: what a warning has said of it.
    """

    integrator: Any
    steps: int
    chosen: bool
    error: float | None = None
    said: tuple[str, ...] = ()

    def ahead(self, model: Hamiltonian, start: Trajectory, width: Float[Tensor, "batch 1"]) -> Accuracy:
        """Estimate the error from the first intervals of a rollout, and choose the substeps where none were asked for.

        Args:
            model: the Hamiltonian.
            start: initial states, (batch, 1, n, d).
            width: the time between outputs, (batch, 1), on the CPU.

        Warns:
            LiehamWarning: the error is too large.
        """
        if not has_substeps(self.integrator):
            return self
        taken = intervals_ahead(model, start, width, self.steps, self.integrator)
        if not self.chosen:
            return self._found(taken.errors_of(self.integrator).max().item(), "")
        integrator, error, stalled = choose_substeps(taken, self.integrator)
        made = replace(self, integrator=integrator)
        return replace(made, error=error) if stalled else made._found(error, "")

    def behind(self, model: Hamiltonian, path: Trajectory) -> Accuracy:
        """Estimate the error again where forces changed most along the whole rollout (batch, steps + 1, n, d).

        Warns:
            LiehamWarning: the error is too large there, and was not at the start; rounding is not the cause.
        """
        if self.error is None:
            return self
        taken, integrator = intervals_of(model, path), self.integrator
        errors = taken.errors_of(integrator)
        error = errors.max().item()
        if error <= self.error:
            return self
        finer = replace(integrator, substeps=2 * integrator.substeps)
        if self.said or not self._exceeded(error) or taken.rounded(error, taken.errors_of(finer).max().item()):
            return replace(self, error=error)
        when = taken.start.times[int(errors.argmax()), 0].item()
        return self._found(error, f" after t = {when:.6g}")

    def _exceeded(self, error: float) -> bool:
        return error > EXCEEDED * TOLERANCE if self.chosen else self.steps * error > DISTANCE

    def _found(self, error: float, when: str) -> Accuracy:
        """Return the accuracy with this error; warn where it is too large."""
        if not self._exceeded(error):
            return replace(self, error=error)
        substeps = self.integrator.substeps
        limit = f"{TOLERANCE:g}" if self.chosen else f"{DISTANCE:g} in {self.steps} such steps"
        text = (
            f"the integrator's error{when} is {error:.1e} of a body's motion between two outputs, where {limit} is "
            f"wanted, with {self.integrator.name} in {substeps} substeps: give substeps={2 * substeps} or more, a "
            "smaller dt, or a method of higher order"
        )
        warnings.warn(text, LiehamWarning, stacklevel=4)
        return replace(self, error=error, said=(*self.said, text))


def choose_substeps(taken: Intervals, integrator: Any) -> tuple[Integrator, float, bool]:
    """Return the integrator with the least s of 1, 2, 4, ..., 32 whose errors in these intervals are within tolerance.

    A doubling that no longer halves the error has met rounding, and is not made.

    Args:
        taken: intervals of a rollout.
        integrator: a method with `substeps`.

    Returns:
        The method with its substeps, the estimated error, and whether rounding stopped the search.
    """
    tolerance = max(TOLERANCE, ROUND_OFF * torch.finfo(taken.start.q.dtype).eps)
    best, error, s, one = integrator, inf, 1, taken.after(replace(integrator, substeps=1))
    while s <= MOST_SUBSTEPS:
        two = taken.after(replace(integrator, substeps=2 * s))
        found = taken.errors(one, two, integrator.order).max().item()
        if taken.rounded(error, found):
            return best, error, True
        best, error = replace(integrator, substeps=s), found
        if error <= tolerance:
            break
        s, one = 2 * s, two
    return best, error, False
