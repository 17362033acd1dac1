"""What a training run has seen."""

from __future__ import annotations

from dataclasses import dataclass, field


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
