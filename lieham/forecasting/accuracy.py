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
        error: the largest error of an interval that was found; None before, and where a method controls its own error.
        said: what a warning has said of it.
    """

    integrator: Any
    steps: int
    chosen: bool
    error: float | None = None
    said: tuple[str, ...] = ()

    def ahead(self, model: Hamiltonian, start: Trajectory, width: Float[Tensor, "batch 1"]) -> Accuracy:
        """Choose the substeps by the errors of the first intervals of a rollout, unless they were asked for.

        Args:
            model: the Hamiltonian.
            start: initial states, (batch, 1, n, d).
            width: the time between outputs, (batch, 1), on the CPU.

        Warns:
            LiehamWarning: no number of substeps makes the error small enough.
        """
        if not self.chosen or not has_substeps(self.integrator):
            return self
        taken = intervals_ahead(model, start, width, self.steps, self.integrator)
        integrator, error, rounded = choose_substeps(taken, self.integrator)
        made = replace(self, integrator=integrator, error=error)
        return made if rounded or not made._exceeded(error) else made._warned("")

    def behind(self, model: Hamiltonian, path: Trajectory) -> Accuracy:
        """Estimate the error where forces changed most along the whole rollout (batch, steps + 1, n, d).

        Warns:
            LiehamWarning: the error is too large there, nothing was said before, and rounding is not the cause.
        """
        if not has_substeps(self.integrator):
            return self
        taken, finer = intervals_of(model, path), replace(self.integrator, substeps=2 * self.integrator.substeps)
        errors = taken.errors_of(self.integrator)
        error = errors.max().item()
        if self.error is not None and error <= self.error:
            return self
        made = replace(self, error=error)
        if self.said or not self._exceeded(error) or taken.rounded(error, taken.errors_of(finer).max().item()):
            return made
        return made._warned(f" after t = {taken.start.times[int(errors.argmax()), 0].item():.6g}")

    def _exceeded(self, error: float) -> bool:
        return error > EXCEEDED * TOLERANCE if self.chosen else self.steps * error > DISTANCE

    def _warned(self, when: str) -> Accuracy:
        """Warn that the error is too large, and return the accuracy with the sentence."""
        substeps = self.integrator.substeps
        limit = f"{TOLERANCE:g}" if self.chosen else f"{DISTANCE:g} in {self.steps} such steps"
        text = (
            f"the integrator's error{when} is {self.error:.1e} of a body's motion between two outputs, where {limit} "
            f"is wanted, with {self.integrator.name} in {substeps} substeps: give substeps={2 * substeps} or more, a "
            "smaller dt, or a method of higher order"
        )
        warnings.warn(text, LiehamWarning, stacklevel=4)
        return replace(self, said=(*self.said, text))


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
