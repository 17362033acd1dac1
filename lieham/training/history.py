"""The history of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """The history of a run, with one row for each validation.

    A row has `stage`, `learner`, `step`, `loss`, `validation` and `seconds`, and of clouds `error` or `mae`. Where
    `fit` took another lift, since pairs of bodies do not hold the law, the first row has it under `lift`. `best` is
    the least validation loss.
    """

    rows: list[dict] = field(default_factory=list)
    best: float = float("inf")

    @property
    def seconds(self) -> float:
        """Training time so far, validations included."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    @property
    def learner(self) -> str:
        """The learner that made the result, in words: that of the row with the least validation loss."""
        return next((row["learner"] for row in self.rows if row["validation"] == self.best), "none")
