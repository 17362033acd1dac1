"""The history of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """The history of a run, with one row for each validation.

    A row has `stage`, `learner`, `step`, `loss`, `validation`, `seconds`, and of clouds `error` or `mae`. `kept` says
    whether its weights became the best. After a regression, `before` is the validation loss of the weights that
    gradients begin from. `diverged`, `futile` and `late` say in words why a stage ended there. Where `fit` took another
    lift, since pairs of bodies do not hold the law, the first row has it under `lift`.

    `best` is the validation loss of the weights that were kept. `baselines` says, once the run has ended, what the
    result is worth beside predictions that cost nothing: the split, its number of `windows`, and under `scores` the
    mean, the median and the trimmed mean of the model, of a constant state, of free flight and of a mean force; of
    clouds it stays empty. `warnings` are the sentences that the run ended with.
    """

    rows: list[dict] = field(default_factory=list)
    best: float = float("inf")
    baselines: dict = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Training time so far, validations included."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    @property
    def kept(self) -> dict:
        """The row whose weights are the best so far; empty before the first validation."""
        return next((row for row in reversed(self.rows) if row.get("kept")), {})

    @property
    def learner(self) -> str:
        """The learner that made the result, in words: that of the row whose weights were kept."""
        return next((row["learner"] for row in self.rows if row["validation"] == self.best), "none")

    def summary(self) -> str:
        """Return one line: the best validation loss, the learner, and the scores of the model and the baselines.

        Example:
            >>> import lieham, systems
            >>> data = systems.Springs(n_bodies=3, dim=2).benchmark(20, n_test=0)
            >>> print(lieham.fit(lieham.HLieConv("SE(2)", data.n_features, width=16), data))  # doctest: +ELLIPSIS
            best validation loss ... windows: model ..., constant state ..., free flight ..., mean force ...
        """
        line = f"best validation loss {self.best:.3e}, by {self.learner}, after {self.seconds:.0f} s"
        line += f"; {beside(self.baselines)}" if self.baselines else ""
        return "; ".join([line, *(row["choice"] for row in self.rows if "choice" in row)])

    def __str__(self) -> str:
        return self.summary()


def beside(baselines: dict) -> str:
    """Return the medians of the model and of the baselines in words, from `History.baselines`."""
    medians = ", ".join(f"{name} {score['median']:.2e}" for name, score in baselines["scores"].items())
    return f"median on {baselines['windows']} {baselines['split']} windows: {medians}"
