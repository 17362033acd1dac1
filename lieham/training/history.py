"""What a training run has seen."""

from __future__ import annotations

from dataclasses import dataclass, field

LEARNERS = {
    "linear": "ridge regression in weak form",
    "states": "ridge regression with the initial states eliminated",
    "adam": "Adam",
    "refine": "L-BFGS",
}
"""From a stage to the learner that a result is credited to."""


@dataclass
class History:
    """What a run has seen: one row a validation, with `stage`, `step`, `loss`, `validation` and `seconds`,
    and of clouds `error` or `mae`.

    Where `fit` took another lift, since pairs of bodies do not hold the law, the first row has it under `lift`.
    """

    rows: list[dict] = field(default_factory=list)
    best: float = float("inf")

    @property
    def seconds(self) -> float:
        """Training time so far, validations included."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    @property
    def learner(self) -> str:
        """Name of the learner whose weights were best on the validation windows; "none" before the first row."""
        if not self.rows:
            return "none"
        return LEARNERS[min(self.rows, key=lambda row: row["validation"])["stage"]]
